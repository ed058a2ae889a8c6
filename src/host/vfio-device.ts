import { VfioError } from '../base/errors.ts'
import { pciAddressOrNull, uuidOrNull } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { deviceName } from './device-name.ts'
import { groupMember, iommuGroup } from './group-members.ts'
import { checkOnPciBus } from './pci-bus.ts'

/** A device that VFIO may open: what its group knows it by. */
export interface VfioDevice {
  readonly bus: 'pci' | 'mdev'
  /** A PCI address in its long form, or an mdev's UUID. */
  readonly name: string
  /** Its IOMMU group; null where the device has none. */
  readonly group: number | null
}

/**
 * A device that is there and with a VFIO driver, by any form of its name. Throws as `deviceName` does, NOT_FOUND where
 * the device is not there, and NOT_SUPPORTED where another driver has it, or none.
 */
export function findVfioDevice(files: HostFiles, text: string): VfioDevice {
  const name = deviceName(files, text)
  const bus = uuidOrNull(name) === null ? 'pci' : 'mdev'
  const path = `/sys/bus/${bus}/devices/${name}`
  checkExists(files, name)
  const { driver, vfio } = groupMember(files, name, path)
  if (!vfio) throw notWithVfio(name, bus, driver)
  return { bus, name, group: iommuGroup(files, path) }
}

/** Throws NOT_FOUND where no PCI device, and no mediated device that runs, has that name on its bus. */
export function checkExists(files: HostFiles, name: string): void {
  const address = pciAddressOrNull(name)
  if (address !== null) checkOnPciBus(files, address)
  else if (files.kind(`/sys/bus/mdev/devices/${name}`) === null) {
    throw new VfioError('NOT_FOUND', `there is no mediated device ${name}`, {
      hint: `vfioctl list; vfioctl start ${name} where it is defined`,
      facts: { device: name },
    })
  }
}

function notWithVfio(name: string, bus: 'pci' | 'mdev', driver: string | null): VfioError {
  const has = driver === null ? 'no driver has it' : `the driver ${driver} has it`
  return new VfioError('NOT_SUPPORTED', `cannot open ${name}: ${has}, not VFIO's`, {
    hint: bus === 'pci' ? `vfioctl bind ${name}` : 'modprobe vfio_mdev (kernels before 5.16), and dmesg | tail',
    facts: { device: name, driver },
  })
}
