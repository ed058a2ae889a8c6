import { VfioError } from '../errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { linkedName, linkOrNull } from '../kernel/links.ts'
import { nameFault, type PciAddress, pciAddressOrNull, printable, type Uuid, uuidOrNull } from '../units.ts'
import { foreignMembers, groupMember, groupMembers, iommuGroup } from '../vfio/group/group-members.ts'

/** A device that VFIO may open: what its group knows it by. */
export interface VfioDevice {
  readonly bus: 'pci' | 'mdev'
  /** A PCI address in its long form, or an mdev's UUID. */
  readonly name: string
  /** Its IOMMU group; null where the device has none. */
  readonly group: number | null
}

/** How people name a device. */
export const deviceNameForms: string =
  'a UUID, a PCI address (3b:00.0, 0000:3b:00.0), a network interface, a /dev/vfio/N or /dev/vfio/devices/vfioN node, ' +
  'or a path in /sys'

/**
 * The address or UUID behind any form of a device's name; only nodes and network interfaces are looked up. Throws
 * INVALID_ARGUMENT for what is none, NOT_FOUND for a node or path that leads to no device, AMBIGUOUS for a group's node
 * with several devices.
 */
export function deviceName(files: HostFiles, text: string): PciAddress | Uuid {
  const name = nameOrNull(text)
  if (name !== null) return name
  const group = /^\/dev\/vfio\/(?:noiommu-)?(\d{1,9})$/.exec(text)?.[1]
  if (group !== undefined) return onlyDeviceOf(files, Number(group), text)
  const node = /^\/dev\/vfio\/devices\/((?:noiommu-)?vfio\d{1,9})$/.exec(text)?.[1]
  const path = node === undefined ? text : linkOrNull(files, `/sys/class/vfio-dev/${node}/device`)
  if (path !== null && (node !== undefined || text.startsWith('/sys/'))) {
    const found = path
      .split('/')
      .map(nameOrNull)
      .findLast((part) => part !== null)
    if (found !== undefined && found !== null) return found
  }
  if (text.startsWith('/dev/') || text.startsWith('/sys/')) throw nothingBehind(text)
  const card = cardOfInterface(files, text)
  if (card !== null) return card
  throw new VfioError('INVALID_ARGUMENT', `'${printable(text)}' is not a device: ${deviceNameForms}`, {
    hint: 'vfioctl list, vfioctl groups',
  })
}

/** The PCI device of a network interface, by which administrators know a card; null for what is none of one. */
function cardOfInterface(files: HostFiles, text: string): PciAddress | null {
  if (nameFault(text) !== null) return null
  return pciAddressOrNull(linkedName(files, `/sys/class/net/${text}/device`) ?? '')
}

/**
 * A device that is there and with a VFIO driver, by any form of its name. Throws as `deviceName` does, NOT_FOUND where
 * the device is not there, and NOT_SUPPORTED where another driver has it, or none.
 */
export function findVfioDevice(files: HostFiles, text: string): VfioDevice {
  const name = deviceName(files, text)
  const bus = uuidOrNull(name) === null ? 'pci' : 'mdev'
  const path = `/sys/bus/${bus}/devices/${name}`
  if (files.kind(path) === null) {
    throw new VfioError('NOT_FOUND', `there is no ${bus === 'pci' ? 'PCI device' : 'mediated device'} ${name}`, {
      hint: bus === 'pci' ? 'vfioctl groups' : `vfioctl list; vfioctl start ${name} where it is defined`,
      facts: { device: name },
    })
  }
  const { driver, vfio } = groupMember(files, name, path)
  if (!vfio) throw notWithVfio(name, bus, driver)
  return { bus, name, group: iommuGroup(files, path) }
}

function nameOrNull(text: string): PciAddress | Uuid | null {
  return uuidOrNull(text) ?? pciAddressOrNull(text)
}

function onlyDeviceOf(files: HostFiles, group: number, node: string): PciAddress | Uuid {
  const members = groupMembers(files, group)
  const names = members.filter(({ vfio }) => vfio).map(({ name }) => name)
  const [first, ...others] = names.map(nameOrNull).filter((name) => name !== null)
  if (first === undefined) throw nothingBehind(node)
  if (others.length === 0) return first
  throw new VfioError('AMBIGUOUS', `${node} has several devices: ${names.join(', ')}`, {
    hint: `name one of them, such as ${first}`,
    facts: { group, devices: names, spoiledBy: foreignMembers(members).map(({ name }) => name) },
  })
}

function nothingBehind(text: string): VfioError {
  return new VfioError('NOT_FOUND', `no VFIO device is behind ${printable(text)}`, {
    hint: 'vfioctl list, vfioctl groups',
    facts: { path: printable(text) },
  })
}

function notWithVfio(name: string, bus: 'pci' | 'mdev', driver: string | null): VfioError {
  const has = driver === null ? 'no driver has it' : `the driver ${driver} has it`
  return new VfioError('NOT_SUPPORTED', `cannot open ${name}: ${has}, not VFIO's`, {
    hint: bus === 'pci' ? `vfioctl bind ${name}` : 'modprobe vfio_mdev (kernels before 5.16), and dmesg | tail',
    facts: { device: name, driver },
  })
}
