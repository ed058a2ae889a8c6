import { VfioError } from '../../base/errors.ts'
import { pciAddressOrNull, printable } from '../../base/units.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, checkOnBus, devicePath, otherBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { pciDevicesNamed } from '../../host/device-name.ts'
import { bridgeRefused, readBinding } from '../../host/driver-binding.ts'
import { type GroupMember, groupMember, iommuGroup } from '../../host/group-members.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceType } from '../device/device-type.ts'
import { readDeviceTypes } from '../kinds/device-types.ts'
import { list } from '../kinds/list.ts'
import { namedDevice } from '../kinds/named-device.ts'
import { type DeviceDisplay, displayOf } from './display.ts'

/** QEMU's name for the device that takes it, which is libvirt's `model` and the kernel's `device_api` too. */
export type GuestModel = 'vfio-pci' | 'vfio-ccw' | 'vfio-ap'

/** A device that a guest is to have, which need not be ready for one. */
export interface GuestDevice {
  readonly bus: 'pci' | 'mdev'
  /** A PCI address in its long form, or an mdev's UUID. */
  readonly name: string
  readonly model: GuestModel
  /** Its folder in sysfs: '/sys/bus/mdev/devices/UUID'. */
  readonly path: string
  /** False for a mediated device that is only defined. */
  readonly isThere: boolean
  readonly member: GroupMember
  /** The number of its IOMMU group; null if it has none. */
  readonly group: number | null
  /** Null if it is not known to have one. */
  readonly display: DeviceDisplay | null
}

const models: readonly string[] = ['vfio-pci', 'vfio-ccw', 'vfio-ap'] satisfies GuestModel[]

/**
 * The devices behind names of any form, in their order and each once; `3b:00.*` is all functions. Throws
 * INVALID_ARGUMENT if there is none, what `namedDevice` throws, NOT_FOUND for a device that is not there, and
 * NOT_SUPPORTED for a bridge, or for one that QEMU has no device for.
 */
export function findGuestDevices(files: HostFiles, names: readonly string[]): GuestDevice[] {
  const found = new Map<string, GuestDevice>()
  for (const text of names) {
    for (const device of devicesNamed(files, text)) {
      const shown = shownDevice(device)
      if (!found.has(shown)) found.set(shown, guestDevice(files, device))
    }
  }
  if (found.size === 0) {
    throw new VfioError('INVALID_ARGUMENT', 'no device is named for the guest', {
      hint: 'vfioctl groups, vfioctl list',
    })
  }
  return [...found.values()]
}

function devicesNamed(files: HostFiles, text: string): BusDevice[] {
  const other = otherBusDevice(files, text)
  if (other !== null) return [other]
  const names = text.endsWith('.*') ? pciDevicesNamed(files, text) : [namedDevice(files, text)]
  return names.map((name) => ({ bus: pciAddressOrNull(name) === null ? 'mdev' : 'pci', name }))
}

function guestDevice(files: HostFiles, device: BusDevice): GuestDevice {
  const { bus, name } = device
  if (bus !== 'pci' && bus !== 'mdev') throw noGuestDevice(files, device)
  const path = devicePath(device)
  const [virtual] = list(files, { name }).devices
  const isThere = files.kind(path) !== null
  // what is defined may be given to a guest that is only written down
  if (!isThere && (bus === 'pci' || virtual === undefined)) checkOnBus(files, device)
  if (isThere && readBinding(files, device).isBridge) throw bridgeRefused(name, 'vfio-pci')
  const type = virtual === undefined ? undefined : typeOf(files, virtual.parent, virtual.type)
  return {
    bus,
    name,
    model: bus === 'pci' ? 'vfio-pci' : modelOf(name, type),
    path,
    isThere,
    member: isThere ? groupMember(files, name, path) : { name, driver: null, vfio: false },
    group: isThere ? iommuGroup(files, path) : null,
    display: virtual === undefined ? null : displayOf(virtual.kind, virtual.type),
  }
}

function typeOf(files: HostFiles, parent: string, type: string): DeviceType | undefined {
  return readDeviceTypes(files, { parent, type }).types[0]
}

function modelOf(name: string, type: DeviceType | undefined): GuestModel {
  const api = type?.deviceApi ?? null
  if (api !== null && isModel(api)) return api
  const said = api === null ? 'its parent does not say by which interface' : `its interface is ${printable(api)}`
  throw new VfioError('NOT_SUPPORTED', `cannot tell QEMU's device for ${name}: ${said}`, {
    hint: 'vfioctl types shows the interface of each type',
    facts: { device: name, deviceApi: api },
  })
}

function isModel(text: string): text is GuestModel {
  return models.includes(text)
}

function noGuestDevice(files: HostFiles, device: BusDevice): VfioError {
  checkOnBus(files, device)
  const { noun, opens } = busNamed(device.bus)
  const isParent = opens === 'mediated device'
  const because = isParent
    ? `a ${noun} is not passed itself, but a mediated device of it`
    : `QEMU takes PCI devices and mediated devices, and no ${noun}`
  return new VfioError('NOT_SUPPORTED', `cannot give ${shownDevice(device)} to a guest: ${because}`, {
    hint: isParent ? `vfioctl types -p ${device.name}; vfioctl list -p ${device.name}` : 'vfioctl list, vfioctl groups',
    facts: { bus: device.bus, device: device.name },
  })
}
