import { pciAddressOrNull } from '../../../base/units.ts'
import { firmwareFramebuffer, releaseOption } from '../../../host/display/boot-display.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { bestDriver, givesToVfio, vfioDriver } from '../../bindings/wanted-driver.ts'
import type { WantedDevice } from './host-reader.ts'

/** The command that gives a device the driver that it should have, and takes the host's screen from it if it must. */
export function bindCommand(files: HostFiles, { device, name, kept, wanted }: WantedDevice): string {
  // what is kept by name stays so
  const isUnnamed = kept === null || kept === bestDriver || (device.bus !== 'pci' && kept === vfioDriver(device.bus))
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  const isScreen =
    address !== null &&
    wanted !== null &&
    givesToVfio(files, device, wanted) &&
    firmwareFramebuffer(files, address) !== null
  return ['vfioctl bind', name, ...(isUnnamed ? [] : [kept]), ...(isScreen ? [releaseOption] : [])].join(' ')
}
