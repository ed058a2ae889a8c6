import { framebufferLine, iomem } from '../../../host/framebuffer.ts'
import { listOrNone, readOrEmpty } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader, WantedDevice } from '../reading/host-reader.ts'
import { kernelArgument } from '../reading/kernel-argument.ts'

const drivers = '/sys/bus/platform/drivers'
/** Drivers of the firmware's framebuffer. */
const framebufferDrivers = ['efi-framebuffer', 'simple-framebuffer', 'vesa-framebuffer']

/** The display that the machine booted with, and its memory while the firmware's framebuffer holds it. */
export function bootDisplay({ files, devices }: HostReader): Finding[] {
  return devices
    .filter(({ device }) => device.bus === 'pci')
    .flatMap((device) => [...held(files, device), ...booted(files, device)])
}

function booted(files: HostFiles, { name, path }: WantedDevice): Finding[] {
  const file = `${path}/boot_vga`
  if (readOrEmpty(files, file).trim() !== '1') return []
  return [
    {
      id: 'boot-display',
      severity: 'warning',
      device: name,
      message: `${name} is the display that this machine booted with`,
      evidence: [seen(file, '1')],
      consequence: 'the host’s console goes dark when VFIO has it, and the firmware may have left its ROM in use',
      commands: [],
      advice:
        'choose another primary display in the firmware’s setup, or reach the host by network and give the guest a ROM file',
    },
  ]
}

function held(files: HostFiles, { name, device }: WantedDevice): Finding[] {
  const line = framebufferLine(files, device.name)
  if (line === null) return []
  const bound = framebufferDrivers.flatMap((driver) =>
    listOrNone(files, `${drivers}/${driver}`)
      .filter((entry) => /\.\d+$/.test(entry))
      .map((entry) => `echo ${entry} > ${drivers}/${driver}/unbind`),
  )
  const argument = kernelArgument(files, 'add', 'initcall_blacklist=sysfb_init')
  return [
    {
      id: 'memory-held-by-framebuffer',
      severity: 'problem',
      device: name,
      message: `the firmware’s framebuffer holds memory of ${name}`,
      evidence: [seen(iomem, line)],
      consequence: 'a guest cannot map that BAR (“can’t reserve”), and its screen stays black',
      commands: bound.length > 0 ? bound : argument.commands,
      advice: `${argument.advice}; before Linux 5.15 it is video=efifb:off`,
    },
  ]
}
