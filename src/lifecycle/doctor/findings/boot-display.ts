import { pciAddressOrNull } from '../../../base/units.ts'
import {
  type FirmwareFramebuffer,
  firmwareFramebuffer,
  isBootDisplay,
  noFramebuffer,
} from '../../../host/display/boot-display.ts'
import { iomem } from '../../../host/display/held-memory.ts'
import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { givesToVfio } from '../../bindings/wanted-driver.ts'
import { bindCommand } from '../reading/bind-command.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader, WantedDevice } from '../reading/host-reader.ts'
import { kernelArgument } from '../reading/kernel-argument.ts'

/** The display that the machine booted with, and its memory while the firmware's framebuffer holds it. */
export function bootDisplay({ files, devices }: HostReader): Finding[] {
  return devices.flatMap((device) => {
    const address = device.device.bus === 'pci' ? pciAddressOrNull(device.device.name) : null
    if (address === null) return []
    const isForVfio = device.vfio || (device.wanted !== null && givesToVfio(files, device.device, device.wanted))
    const firmware = isForVfio ? firmwareFramebuffer(files, address) : null
    const held = firmware === null ? [] : [framebuffer(files, device, firmware)]
    return isBootDisplay(files, address) === true ? [...held, booted(files, device)] : held
  })
}

function booted(files: HostFiles, { name, path }: WantedDevice): Finding {
  const unknown =
    readOrEmpty(files, iomem).trim() === ''
      ? `; ${iomem} cannot be read here: the firmware’s framebuffer may hold memory of it`
      : ''
  return {
    id: 'boot-display',
    severity: 'warning',
    device: name,
    message: `${name} is the display that this machine booted with`,
    evidence: [seen(`${path}/boot_vga`, '1')],
    consequence: `the host’s console goes dark when VFIO has it, and the firmware may have left its ROM in use${unknown}`,
    commands: [],
    advice:
      'choose another primary display in the firmware’s setup, or reach the host by network and give the guest a ROM file',
  }
}

function framebuffer(files: HostFiles, device: WantedDevice, firmware: FirmwareFramebuffer): Finding {
  const { name, vfio } = device
  const { name: platform, driver, memory } = firmware
  const argument = kernelArgument(files, 'add', noFramebuffer)
  const isHidden = memory !== null && memory.bar === null && /^0+-0+ /.test(memory.line)
  const hidden = isHidden ? '; root sees in /proc/iomem which BAR it is' : ''
  return {
    id: 'memory-held-by-framebuffer',
    severity: 'problem',
    device: name,
    message: `the firmware’s framebuffer holds ${memory?.bar == null ? `memory of ${name}` : `BAR ${memory.bar} of ${name}`}`,
    evidence: [
      ...(memory === null ? [] : [seen(iomem, memory.line)]),
      ...(platform === null ? [] : [seen(`/sys/bus/platform/devices/${platform}/driver`, driver)]),
    ],
    consequence: vfio
      ? 'a guest cannot map that BAR (“can’t reserve”), and its screen stays black'
      : 'the host shows its console there: bind refuses to take it, and a guest could not map that BAR',
    commands: driver === null ? argument.commands : [bindCommand(files, device)],
    advice: `to have none from the next boot on: ${argument.advice}; before Linux 5.15 it is video=efifb:off${hidden}`,
  }
}
