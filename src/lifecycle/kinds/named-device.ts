import { VfioError } from '../../base/errors.ts'
import { type PciAddress, pciAddressOrNull, printable, type Uuid } from '../../base/units.ts'
import { deviceName, deviceNameOrNull } from '../../host/device-name.ts'
import { checkOnPciBus } from '../../host/pci-bus.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { parentName } from '../device/parents.ts'
import { isTypeNamed, noSuchType } from '../device/type-named.ts'
import { readDeviceTypes } from './device-types.ts'
import { type DeviceFilter, list } from './list.ts'
import { lookUpKnown } from './mdev/device-choice.ts'
import { readMdevDevices } from './mdev/mdev-devices.ts'
import { mdevParents } from './mdev/mdev-types.ts'
import { readDefinitions } from './mdev/store.ts'
import { noSuchParent } from './mdev/type-choice.ts'

/** Fewer digits would be a slip of the hand as often as a name. */
const fewestDigits = 4

/**
 * The device that is meant, in any form that people use (`deviceName`), and by as much of its UUID as tells it from the
 * others. Throws as `deviceName` does; AMBIGUOUS where several UUIDs begin so, NOT_FOUND where none does.
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
  const known = [
    ...readMdevDevices(files).devices.map(({ uuid }) => uuid),
    ...readDefinitions(files).definitions.map(({ uuid }) => uuid),
  ]
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
  const name = parentName(text)
  if (pciAddressOrNull(name) !== null || mdevParents(files)?.includes(name) === true) return name
  try {
    return deviceName(files, text)
  } catch (error) {
    if (error instanceof VfioError && error.code !== 'AMBIGUOUS') return name
    throw error
  }
}

/** Of a filter that nothing passes: throws NOT_FOUND where what it names is not there at all. */
export function checkNamesAreThere(files: HostFiles, { name, parent, type }: DeviceFilter): void {
  if (name !== undefined) checkDevice(files, name)
  if (parent !== undefined && list(files, { parent }).devices.length === 0) checkParent(files, parent)
  if (type === undefined) return
  const { types } = readDeviceTypes(files, parent === undefined ? {} : { parent })
  const isKnown = types.some((it) => isTypeNamed(it, type)) || list(files, { type }).devices.length > 0
  if (!isKnown) throw noSuchType(types, parent ?? null, type)
}

function checkDevice(files: HostFiles, name: string): void {
  if (list(files, { name }).devices.length > 0) return
  const address = pciAddressOrNull(name)
  if (address === null) {
    lookUpKnown(files, { uuid: name })
    return
  }
  checkOnPciBus(files, address)
  throw new VfioError('NOT_FOUND', `${address} is not a virtual device: it carries no vGPU and none is defined`, {
    hint: `vfioctl list -p ${address}, vfioctl groups ${address}`,
    facts: { device: address },
  })
}

function checkParent(files: HostFiles, parent: string): void {
  const address = pciAddressOrNull(parent)
  if (address !== null) checkOnPciBus(files, address)
  else if (mdevParents(files)?.includes(parent) !== true) throw noSuchParent(files, parent)
}
