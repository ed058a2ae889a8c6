import { VfioError } from '../../base/errors.ts'
import { counted, printable } from '../../base/units.ts'
import { given } from '../arguments/change-options.ts'
import { deviceForms } from '../arguments/device-argument.ts'
import { parseSize, wholeNumber } from '../arguments/numbers.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import { readVersion } from '../command/version.ts'
import { writeWhole } from '../io/write-whole.ts'
import { countsText, findingsText, lookedAtText } from '../output/diagnosis-text.ts'
import { json, reportWarnings } from '../output/output.ts'
import { forSameHost } from '../output/same-host.ts'

const doctor: Command = command({
  arguments: {
    device: {
      kind: 'rest',
      completes: 'host device',
      parse: text,
      describe: `devices that VFIO is to have (default: those kept for it, or with it): ${deviceForms}`,
    },
    user: {
      kind: 'option',
      value: 'NAME',
      completes: 'nothing',
      parse: text,
      describe: 'The user who is to open them: may he use the nodes, and lock the memory?',
    },
    unit: {
      kind: 'option',
      value: 'SERVICE',
      completes: 'nothing',
      parse: text,
      describe: 'The systemd service that runs the guest: does its LimitMEMLOCK let the memory be locked?',
    },
    'guest-memory': {
      kind: 'option',
      value: 'SIZE',
      completes: 'nothing',
      parse: parseSize,
      describe: 'Memory of the guest that gets them, such as 32G: can it be locked?',
    },
    devices: {
      kind: 'option',
      value: 'N',
      completes: 'nothing',
      parse: wholeNumber('--devices', 0xffff, 1),
      describe: 'Number of devices in that guest (default: those that are named, or 1)',
    },
    viommu: { kind: 'flag', describe: 'That guest has an IOMMU of its own' },
    all: { kind: 'flag', alias: 'a', describe: 'Notes too' },
    report: {
      kind: 'option',
      value: 'FILE',
      completes: 'file',
      parse: text,
      describe:
        'Write the findings, the kernel, groups, devices and types to FILE, for the report of a bug: UUIDs, MAC and IP ' +
        'addresses, serial numbers and the host’s name are numbered or left out',
    },
  },
  examples: [
    ['vfioctl doctor', 'what keeps VFIO from working on this host, and what mends it'],
    ['vfioctl doctor 3b:00.0', 'what keeps this device from VFIO'],
    ['vfioctl doctor 3b:00.0 --user libvirt-qemu --guest-memory 32G', 'and whether that user can give it to a guest'],
    ['vfioctl doctor 3b:00.0 --guest-memory 32G --unit my-vm', 'and whether that service may lock its memory'],
    ['vfioctl doctor --report host.json', 'one file for the report of a bug'],
    ['vfioctl doctor --all --json', 'every finding, for programs'],
  ],
  epilogue:
    'A problem keeps VFIO, or what is kept for the next boots, from working: then the exit status is 11. A warning will, or ' +
    'is unsafe; a note is good to know, and shown with --all or --json.',
  async run(values, context, io) {
    const isOfGuest = values.devices !== undefined || values.viommu || values.unit !== undefined
    if (isOfGuest && values['guest-memory'] === undefined) {
      throw usageError('--devices, --viommu and --unit are of a guest, and go with --guest-memory')
    }
    const host = await context.host()
    const request = {
      devices: values.device,
      viommu: values.viommu,
      ...given({
        user: values.user,
        unit: values.unit,
        guestMemory: values['guest-memory'],
        deviceCount: values.devices,
      }),
    }
    const found = await host.doctor(request)
    if (values.report !== undefined) {
      const report = await host.report({ ...request, program: `vfioctl ${readVersion()}` })
      await writeWhole(values.report, [Buffer.from(report)], io.interruption())
      io.err(`wrote ${printable(values.report)}: look through it before you send it\n`)
    }
    const sameHost = (line: string) => forSameHost(line, context.givenHost)
    const { unseen, healthy } = found
    const findings = found.findings.map((finding) => {
      const advice = finding.advice === null ? null : sameHost(finding.advice)
      return { ...finding, commands: finding.commands.map(sameHost), advice }
    })
    const diagnosis = { ...found, findings }
    if (context.options.json) io.out(json(diagnosis))
    else {
      const shown = findings.filter((finding) => values.all || finding.severity !== 'note' || isAnswer(finding))
      if (shown.length > 0) io.out(findingsText(shown))
      reportWarnings(unseen, io)
      if (unseen.length > 0) io.err('run as root, doctor sees those too\n')
      const hidden = findings.length - shown.length
      const more = hidden === 0 ? '' : `; ${counted(hidden, 'note')} with --all`
      if (healthy) io.out(`healthy: looked at ${lookedAtText(diagnosis)}${more}\n`)
    }
    if (!healthy) {
      throw new VfioError('PROBLEM_FOUND', `doctor found ${countsText(findings)}`, {
        facts: { problems: findings.flatMap(({ id, severity }) => (severity === 'problem' ? [id] : [])) },
      })
    }
  },
})
export default doctor

/** The memory that a guest locks was asked for, and is told if it fits too. */
function isAnswer({ id }: { readonly id: string }): boolean {
  return id.startsWith('locked-memory')
}
