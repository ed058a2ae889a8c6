import { pciAddressOrNull } from '../../../base/units.ts'
import { answersReads } from '../../../host/pci-answers.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Devices that hang, or have fallen off the bus. */
export function noAnswer({ kernel, devices }: HostReader): Finding[] {
  return devices.flatMap(({ device, name, path }): Finding[] => {
    const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
    if (address === null || answersReads(kernel, address) !== false) return []
    return [
      {
        id: 'device-does-not-answer',
        severity: 'problem',
        device: name,
        message: `${name} answers no read of its configuration space`,
        evidence: [seen(`${path}/config`, 'all ones')],
        consequence: 'no driver and no guest can use it',
        commands: [`vfioctl reset ${name} --try`],
        advice: null,
      },
    ]
  })
}
