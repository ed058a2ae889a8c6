import { VfioError } from '../../base/errors.ts'
import {
  type PciAddress,
  parsePciAddress,
  pciAddressFault,
  pciAddressOrNull,
  printable,
  type Uuid,
} from '../../base/units.ts'
import { deviceName, deviceNameOrNull } from '../../host/device-name.ts'
import { checkOnPciBus } from '../../host/pci-bus.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { noSuchParent, parentName } from '../device/parents.ts'
import { isTypeNamed, noSuchType } from '../device/type-named.ts'
import { readDeviceTypes } from './device-types.ts'
import { kindOf, kinds } from './kinds.ts'
import { type DeviceFilter, deviceIdentifier, list } from './list.ts'

/** Fewer digits would be a slip of the hand as often as a name. */
const fewestDigits = 4

/**
 * The device that is meant, in any form that people use (`deviceName`), and by as much of its UUID as tells it from the
 * others. Throws as `deviceName` does; AMBIGUOUS if several UUIDs begin so, NOT_FOUND if none does.
 */
export function namedDevice(files: HostFiles, text: string): PciAddress | Uuid {
  const name = deviceNameOrNull(text)
  if (name !== null) return name
  return uuidThatBegins(files, text) ?? deviceName(files, text)
}

/** Null for what is no beginning of a UUID, or could be another name that is there. */
function uuidThatBegins(files: HostFiles, text: string): Uuid | null {
  const digits = text.toLowerCase().replaceAll('-', '')
  if (digits.length < fewestDigits || !/^[0-9a-f]{1,32}$/.test(digits)) return null
  if (files.kind(`/sys/class/net/${text}`) !== null) return null
  const known = kinds.flatMap((kind) => kind.list(files).listed.flatMap(({ device }) => device.uuid ?? []))
  const [only, ...others] = new Set(known.filter((uuid) => uuid.replaceAll('-', '').startsWith(digits)))
  if (only === undefined) {
    throw new VfioError('NOT_FOUND', `there is no device ${printable(text)}: no UUID here begins so`, {
      hint: 'vfioctl list',
      facts: { device: printable(text) },
    })
  }
  if (others.length === 0) return only
  const uuids = [only, ...others].sort()
  throw new VfioError('AMBIGUOUS', `${uuids.length} UUIDs begin with ${text}: ${uuids.slice(0, 5).join(', ')}`, {
    hint: 'say more of it',
    facts: { devices: uuids },
  })
}

/** A parent by the name that the kernel gives it: its own, or any name of a PCI device. What is none stays as it is. */
export function namedParent(files: HostFiles, text: string): string {
  if (pciAddressFault(text) !== null) parsePciAddress(text)
  const name = parentName(text)
  if (pciAddressOrNull(name) !== null || kinds.some((kind) => kind.claimsParent(files, name))) return name
  try {
    return deviceName(files, text)
  } catch (error) {
    if (error instanceof VfioError && error.code !== 'AMBIGUOUS') return name
    throw error
  }
}

/** Of a filter that nothing passes: throws NOT_FOUND if what it names is not there at all. */
export function checkNamesAreThere(files: HostFiles, { name, parent, type }: DeviceFilter): void {
  if (name !== undefined) checkDevice(files, name)
  if (parent !== undefined && list(files, { parent }).devices.length === 0) checkParent(files, parent)
  if (type === undefined) return
  const { types } = readDeviceTypes(files, parent === undefined ? {} : { parent })
  const isKnown = types.some((it) => isTypeNamed(it, type)) || list(files, { type }).devices.length > 0
  if (!isKnown) throw noSuchType(types, parent ?? null, type)
}

function checkDevice(files: HostFiles, text: string): void {
  const name = deviceIdentifier(text)
  if (list(files, { name }).devices.length === 0) throw kindOf(files, name).notThere(files, name)
}

function checkParent(files: HostFiles, parent: string): void {
  const address = pciAddressOrNull(parent)
  if (address !== null) checkOnPciBus(files, address)
  else if (!kinds.some((kind) => kind.claimsParent(files, parent))) throw noParentOfAnyKind(files, parent)
}

/** It speaks of the kinds that this host has parents of; of all if it has none. */
function noParentOfAnyKind(files: HostFiles, name: string): VfioError {
  const all = kinds.map(({ plural, parents }) => ({ plural, parents: parents(files) }))
  const there = all.filter(({ parents }) => parents.length > 0)
  const offered = (there.length > 0 ? there : all).map(({ plural }) => plural).join(' or ')
  return noSuchParent(
    name,
    all.flatMap(({ parents }) => parents),
    offered,
  )
}
