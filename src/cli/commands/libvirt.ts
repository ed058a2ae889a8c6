import type { Attached } from '../../lifecycle/guest/attach.ts'
import { dryRun } from '../arguments/global-options.ts'
import { byIommufd, guestDevices } from '../arguments/guest-devices.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import type { Io } from '../io/io.ts'
import { json, reportWarnings } from '../output/output.ts'
import { shownStep } from '../output/report-change.ts'

const libvirt: Command = command({
  arguments: {
    ...guestDevices,
    iommufd: byIommufd,
    display: {
      kind: 'flag',
      describe: 'Show the displays that virtual devices have, by the domain’s graphics: VNC, Spice, egl-headless',
    },
    attach: {
      kind: 'option',
      value: 'DOMAIN',
      completes: 'nothing',
      parse: text,
      describe: 'attach the devices to this domain, by virsh',
    },
    live: { kind: 'flag', describe: 'With --attach: to the domain that runs' },
    config: { kind: 'flag', describe: 'With --attach: to what is kept of the domain for its next start' },
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl libvirt 3b:00.0', 'the XML of a PCI device, for <devices> of a domain'],
    ['vfioctl libvirt UUID --display', 'of a mediated device, with its display'],
    ['vfioctl libvirt 3b:00.0 --attach web1 --live --config', 'attach it to a domain that runs, and keep it there'],
  ],
  epilogue: [
    "A PCI device that VFIO has already is managed='no': libvirt leaves its driver, and the binding that is kept, alone.",
    "Any other is managed='yes': libvirt binds it to VFIO when the guest starts, and gives it back at its end.",
    '--iommufd needs libvirt 12.1. From 12.2 on, <iommufd enabled="yes"/> in <domain> says it for all PCI devices.',
  ].join('\n'),
  async run({ device, more, attach, live, config, iommufd, display, ...values }, context, io) {
    const host = await context.host()
    const devices = [device, ...more]
    if (attach !== undefined) {
      const request = { domain: attach, live, config, iommufd, display, dryRun: values['dry-run'] }
      const attached = await host.guest.attachToDomain(devices, request)
      if (context.options.json) io.out(json(attached))
      else reportAttached(attached, io)
      return
    }
    if (live || config || values['dry-run']) throw usageError('--live, --config and --dry-run go with --attach')
    const result = await host.guest.libvirtXml(devices, { iommufd, display })
    if (context.options.json) {
      io.out(json(result))
      return
    }
    reportWarnings(result.warnings, io)
    io.err(`for libvirt ${result.since} or later\n`)
    io.out(result.hostdevs.map(({ xml }) => `${xml}\n`).join(''))
  },
})
export default libvirt

function reportAttached({ hostdevs, steps, warnings, domain, ...attached }: Attached, io: Io): void {
  reportWarnings(warnings, io)
  if (attached.dryRun) {
    for (const [at, { xml }] of hostdevs.entries()) {
      const step = steps[at]
      if (step !== undefined) io.out(`${shownStep(step)}\n${xml.replace(/^/gm, '  ')}\n`)
    }
    return
  }
  io.err(`attached to ${domain}: ${hostdevs.map(({ device }) => device).join(', ')}\n`)
}
