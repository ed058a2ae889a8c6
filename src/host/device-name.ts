import { VfioError } from '../base/errors.ts'
import {
  nameFault,
  type PciAddress,
  parsePciAddress,
  pciAddressFault,
  pciAddressOrNull,
  printable,
  type Uuid,
  uuidOrNull,
} from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { foreignMembers, groupMembers } from './group-members.ts'
import { nearestNames } from './nearest-name.ts'
import { pciAddresses } from './pci-bus.ts'
import { followLinks } from './sysfs/links.ts'
import { listOrNone } from './sysfs/readable.ts'

/** The forms in which people name a device. */
export const deviceNameForms: string =
  'a UUID, a PCI address (3b:00.0, 0000:3b:00.0), a network interface, a node in /dev or a path in /sys'

/**
 * The name of a device on its bus, of any form that says it by itself: a UUID, a PCI address, or as libvirt names the
 * device (`mdev_` with the UUID and, of newer ones, the parent; `pci_`); null for what is none.
 */
export function deviceNameOrNull(text: string): PciAddress | Uuid | null {
  const uuid = /^mdev_((?:[0-9a-f]+_){4}[0-9a-f]+)(?:_.*)?$/i.exec(text)?.[1]
  return uuidOrNull(uuid?.replaceAll('_', '-') ?? text) ?? pciAddressOrNull(text)
}

/**
 * The address or UUID behind any form of a device's name. Throws INVALID_ARGUMENT for what is none; NOT_FOUND for a
 * node, a path or an interface that leads to no device, and for a PCI device without its function of which none is
 * there; AMBIGUOUS for a group's node with several devices, and a PCI device with several functions.
 */
export function deviceName(files: HostFiles, text: string): PciAddress | Uuid {
  const name = deviceNameOrNull(text)
  if (name !== null) return name
  const group =
    /^\/dev\/vfio\/(?:noiommu-)?(\d{1,9})$|^\/sys\/(?:kernel\/iommu_groups|class\/vfio)\/(?:noiommu-)?(\d{1,9})\/?$/
      .exec(text)
      ?.slice(1)
      .find((number) => number !== undefined)
  if (group !== undefined) return onlyDeviceOf(files, Number(group), text)
  if (text.startsWith('/sys/')) return deviceAt(files, text) ?? nothingBehind(text)
  if (text.startsWith('/dev/')) return deviceOfNode(files, text) ?? nothingBehind(text)
  const functions = pciFunctions(files, text)
  if (functions !== null) return onlyFunctionOf(functions, text)
  return cardOfInterface(files, text) ?? notADevice(files, text)
}

/** The PCI devices that a name stands for: more than one if it ends in `.*`, in place of the function. */
export function pciDevicesNamed(files: HostFiles, text: string): (PciAddress | Uuid)[] {
  const functions = text.endsWith('.*') ? pciFunctions(files, text) : null
  if (functions === null) return [deviceName(files, text)]
  return functions.length === 0 ? [noFunctionOf(text)] : functions
}

/** Those that are there of '3b:00' and '3b:00.*'; null for what is not of that form. */
function pciFunctions(files: HostFiles, text: string): PciAddress[] | null {
  const first = /\.[0-7]$/.test(text) ? null : pciAddressOrNull(`${text.replace(/\.\*$/, '')}.0`)
  return first === null ? null : pciAddresses(files).filter((address) => address.startsWith(first.slice(0, -1)))
}

function onlyFunctionOf(functions: readonly PciAddress[], text: string): PciAddress {
  const [only] = functions
  if (only === undefined) return noFunctionOf(text)
  if (functions.length === 1) return only
  throw new VfioError('AMBIGUOUS', `${text} has several functions: ${functions.join(', ')}`, {
    hint: `name one of them, such as ${only}`,
    facts: { devices: [...functions] },
  })
}

function noFunctionOf(text: string): never {
  throw new VfioError('NOT_FOUND', `there is no PCI device at ${printable(text)}`, { hint: 'vfioctl groups, lspci -D' })
}

/** The last device on the way to a path in sysfs, with its links followed. */
function deviceAt(files: HostFiles, path: string): PciAddress | Uuid | null {
  const parts = (followLinks(files, path) ?? path).split('/')
  return parts.map(nameOfFolder).findLast((name) => name !== null) ?? null
}

/** The kernel's name of a device's folder. */
function nameOfFolder(folder: string): PciAddress | Uuid | null {
  return uuidOrNull(folder) ?? pciAddressOrNull(folder)
}

/** A node in /dev has its device's name in some class: /dev/vfio/devices/vfio0, /dev/nvme0n1, /dev/dri/card0. */
function deviceOfNode(files: HostFiles, node: string): PciAddress | Uuid | null {
  const name = (followLinks(files, node) ?? node).split('/').at(-1) ?? ''
  if (nameFault(name) !== null) return null
  for (const kind of classes(files)) {
    const path = `/sys/class/${kind}/${name}`
    const device = files.kind(path) === null ? null : (deviceAt(files, path) ?? deviceAt(files, `${path}/device`))
    if (device !== null) return device
  }
  return null
}

function classes(files: HostFiles): string[] {
  return listOrNone(files, '/sys/class').sort()
}

/**
 * The PCI device of a network interface, by which administrators know a card, be it behind virtio; null for no such
 * one.
 */
function cardOfInterface(files: HostFiles, text: string): PciAddress | null {
  if (nameFault(text) !== null) return null
  const card = deviceAt(files, `/sys/class/net/${text}/device`)
  return card === null ? null : pciAddressOrNull(card)
}

function onlyDeviceOf(files: HostFiles, group: number, node: string): PciAddress | Uuid {
  const members = groupMembers(files, group)
  const names = members.filter(({ vfio }) => vfio).map(({ name }) => name)
  const [first, ...others] = names.map(nameOfFolder).filter((name) => name !== null)
  if (first === undefined) return nothingBehind(node)
  if (others.length === 0) return first
  throw new VfioError('AMBIGUOUS', `${node} has several devices: ${names.join(', ')}`, {
    hint: `name one of them, such as ${first}`,
    facts: { group, devices: names, blockers: foreignMembers(members).map(({ name }) => name) },
  })
}

function nothingBehind(text: string): never {
  throw new VfioError('NOT_FOUND', `no VFIO device is behind ${printable(text)}`, {
    hint: 'vfioctl list, vfioctl groups',
    facts: { path: printable(text) },
  })
}

/** NOT_FOUND for a name that an absent network interface could have; INVALID_ARGUMENT for any other. */
function notADevice(files: HostFiles, text: string): never {
  const shown = printable(text)
  if (pciAddressFault(text) !== null) parsePciAddress(text)
  if (nameFault(text) !== null || !/^[^\s:/]{1,15}$/.test(text)) {
    throw new VfioError('INVALID_ARGUMENT', `'${shown}' is not a device: ${deviceNameForms}`, {
      hint: 'vfioctl list, vfioctl groups',
    })
  }
  const interfaces = listOrNone(files, '/sys/class/net')
  if (interfaces.includes(text)) {
    throw new VfioError('NOT_FOUND', `the network interface ${shown} belongs to no PCI device`, {
      hint: 'vfioctl groups',
    })
  }
  const nearest = nearestNames(text, interfaces)
  const question = nearest.length === 0 ? '' : `; did you mean ${nearest.join(' or ')}?`
  throw new VfioError('NOT_FOUND', `there is no device ${shown}${question}`, {
    hint: `a device is ${deviceNameForms}: vfioctl list, vfioctl groups`,
    facts: { device: shown, nearest },
  })
}
