import { counted, printable } from '../../base/units.ts'
import { deviceForms } from '../arguments/device-argument.ts'
import { type Command, command, text } from '../command/command.ts'
import { readVersion } from '../command/version.ts'
import { writeWhole } from '../io/write-whole.ts'
import { json, reportWarnings } from '../output/output.ts'

/** It tells of the host: nobody else is to read it. */
const ownerAlone = 0o600

const capture: Command = command({
  arguments: {
    file: {
      kind: 'required',
      completes: 'file',
      parse: text,
      describe: 'the scenario file to write, all of it or nothing, for its owner alone; - is stdout',
    },
    device: {
      kind: 'rest',
      completes: 'vfio device',
      parse: text,
      describe: `devices to open, as inspect does, so that inspect shows them from the file: ${deviceForms}. The kernel resets a device that is opened and closed`,
    },
    redact: {
      kind: 'flag',
      describe:
        'Replace PCI, MAC and IP addresses and UUIDs by others, the same everywhere, and leave out serial numbers and the names of the host and of users',
    },
  },
  examples: [
    ['vfioctl capture host.json', 'this host as a file; opens no device, and changes nothing'],
    ['vfioctl list --mock host.json', 'the devices of that host, on any machine'],
    ['vfioctl capture host.json 3b:00.0', 'with what VFIO answers of a device that nobody uses'],
    ['vfioctl capture host.json --redact', 'for others to read: look through it before you send it'],
  ],
  epilogue:
    'With --mock FILE, types, list, groups, sriov, doctor and what else only reads give the same output as on the host; what ' +
    'changes something is refused. A file holds what was read when it was written: a later version may ask for ' +
    'files that are not in it, which are then not there. Without root, it has what this user may see; the rest is said on ' +
    'stderr, and stands in the file as `unseen`.',
  async run(values, context, io) {
    const host = await context.host()
    const { scenario, unseen, notOpened } = await host.capture({
      devices: values.device,
      redact: values.redact,
      program: `vfioctl ${readVersion()}`,
    })
    const content = `${JSON.stringify(scenario, null, 1)}\n`
    if (values.file === '-') {
      io.out(Buffer.from(content))
    } else {
      await writeWhole(values.file, [Buffer.from(content)], io.interruption(), ownerAlone)
    }
    const files = Object.keys(scenario.recorded.files).length
    const opened = scenario.recorded.devices.length
    if (context.options.json) {
      if (values.file !== '-') io.out(json({ file: values.file, files, opened, unseen, notOpened }))
      return
    }
    reportWarnings(unseen, io)
    if (unseen.length > 0 && scenario.recorded.uid !== 0) io.err('run as root, capture sees those too\n')
    if (notOpened.length > 0) {
      io.err(`not opened, so that inspect does not show them from the file: ${notOpened.map(printable).join(', ')}\n`)
    }
    if (values.file !== '-') {
      const send = values.redact ? '; look through it before you send it' : '; it has this host’s addresses and names'
      io.err(
        `recorded ${counted(files, 'file')} and ${counted(opened, 'opened device')} in ${printable(values.file)}${send}\n`,
      )
    }
  },
})
export default capture
