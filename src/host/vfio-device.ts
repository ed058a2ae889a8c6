import { VfioError } from '../base/errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { type BusName, busNamed } from './bus/bus.ts'
import { type BusDevice, checkOnBus, devicePath, findBusDevice, shownDevice } from './bus/bus-device.ts'
import { groupMember, iommuGroup } from './group-members.ts'

/** A device that VFIO may open: what its group knows it by. */
export interface VfioDevice {
  readonly bus: BusName
  /** A PCI address in its long form, an mdev's UUID, or the name on another bus. */
  readonly name: string
  /** Its IOMMU group; null if the device has none. */
  readonly group: number | null
}

/**
 * A device that is there and with a VFIO driver, by any form of its name. Throws as `findBusDevice` does, NOT_FOUND if
 * the device is not there, and NOT_SUPPORTED if another driver has it, or none, or VFIO opens only what is made of it.
 */
export function findVfioDevice(files: HostFiles, text: string): VfioDevice {
  const device = findBusDevice(files, text)
  const path = devicePath(device)
  checkOnBus(files, device)
  if (busNamed(device.bus).opens !== 'device') throw notOpened(device)
  const { driver, vfio } = groupMember(files, device.name, path)
  if (!vfio) throw notWithVfio(device, driver)
  return { ...device, group: iommuGroup(files, path) }
}

function notOpened(device: BusDevice): VfioError {
  const { noun, opens } = busNamed(device.bus)
  const isParent = opens === 'mediated device'
  return new VfioError(
    'NOT_SUPPORTED',
    `cannot open ${shownDevice(device)}: a ${noun} is not opened itself, but a mediated device of it`,
    {
      hint: isParent ? `vfioctl types -p ${device.name}; vfioctl list -p ${device.name}` : 'vfioctl list',
      facts: { bus: device.bus, device: device.name },
    },
  )
}

function notWithVfio(device: BusDevice, driver: string | null): VfioError {
  const has = driver === null ? 'no driver has it' : `the driver ${driver} has it`
  const shown = shownDevice(device)
  return new VfioError('NOT_SUPPORTED', `cannot open ${shown}: ${has}, not VFIO's`, {
    hint:
      device.bus === 'mdev' ? 'modprobe vfio_mdev (kernels before 5.16), and dmesg | tail' : `vfioctl bind ${shown}`,
    facts: { device: device.name, driver },
  })
}
