import { pciAddressOrNull } from '../../../base/units.ts'
import { readPciIds } from '../../../host/pci-ids.ts'
import { readResetMethods } from '../../../host/pci-power.ts'
import { kindOrNone, readOrEmpty } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const module = '/sys/module/vendor_reset'

/**
 * GPUs of AMD's that VFIO has, although the module vendor-reset is loaded, with another reset in front: since Linux
 * 5.15 the kernel takes the module's only if `device_specific` is written to `reset_method`.
 */
export function vendorReset({ files, devices }: HostReader): Finding[] {
  if (kindOrNone(files, module) === null) return []
  return devices.flatMap(({ device, vfio, name, path, kept, driver }): Finding[] => {
    const address = device.bus === 'pci' && vfio ? pciAddressOrNull(device.name) : null
    if (address === null || !readOrEmpty(files, `${path}/class`).startsWith('0x03')) return []
    if (readPciIds(files, address, []).vendor !== '0x1002') return []
    const file = `${path}/reset_method`
    const binding = kept === null ? [name, driver] : [name]
    const [first] = readResetMethods(files, address)
    if (kindOrNone(files, file) === null || first === 'device_specific') return []
    return [
      {
        id: 'vendor-reset-not-used',
        severity: 'note',
        device: name,
        message: `vendor-reset is loaded, and ${name} is not reset by it`,
        evidence: [seen(module, 'loaded'), seen(file, readOrEmpty(files, file).trim())],
        consequence: 'a card that only that module resets hangs once its guest has ended',
        commands: [`vfioctl bind ${binding.join(' ')} --reset-methods device_specific`],
        advice: 'the kernel refuses it for a card that vendor-reset does not know: then nothing is changed',
      },
    ]
  })
}
