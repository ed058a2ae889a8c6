import { failedWith } from '../../../base/system-error.ts'
import { nameFault, type PciAddress, pciAddressOrNull, printable, type Uuid, uuidOrNull } from '../../../base/units.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import { listOrWarn, readOrWarn, unreadable, type Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { DeviceType, TypeFilter } from '../../device/device-type.ts'
import { parentName } from '../../device/parents.ts'
import { parseTypeDetails } from './type-details.ts'

/** A kind of mediated device that a parent offers: /sys/class/mdev_bus/PARENT/mdev_supported_types/TYPE. */
export interface MdevType extends DeviceType {
  readonly kind: 'mdev'
  readonly devices: readonly Uuid[]
}

/** One parent's type, by its id. */
export type TypeOfParent = Pick<MdevType, 'parent' | 'type'>

/** The folder of the parents of mediated devices in sysfs. */
export const mdevBus = '/sys/class/mdev_bus'

/** The folder of a parent's types in sysfs. */
export function typesPath(parent: string): string {
  return `${mdevBus}/${parent}/mdev_supported_types`
}

/** Names of the parents, sorted; null if the kernel has no mediated device support loaded. */
export function mdevParents(files: HostFiles): string[] | null {
  try {
    return files.list(mdevBus).sort()
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return null
    throw error
  }
}

/** Every type of every parent, sorted by both. What cannot be read is a warning, and the rest goes on. */
export function readMdevTypes(files: HostFiles, filter: TypeFilter = {}): { types: MdevType[]; warnings: Warning[] } {
  const warnings: Warning[] = []
  const types: MdevType[] = []
  const parents = readOrWarn(mdevBus, warnings, [], () => mdevParents(files))
  const only = filter.parent === undefined ? undefined : parentName(filter.parent)
  if (parents === null) warnings.push({ path: mdevBus, message: noMdevSupport })
  for (const parent of parents ?? []) {
    if (only !== undefined && only !== parent && only !== physicalOf(files, parent)) continue
    let names: string[]
    try {
      names = files.list(typesPath(parent)).sort()
    } catch (error) {
      warnings.push(unreadable(typesPath(parent), error))
      continue
    }
    for (const type of names) {
      if (filter.type !== undefined && filter.type !== type) continue
      types.push(readMdevType(files, parent, type, warnings))
    }
  }
  return { types, warnings }
}

function physicalOf(files: HostFiles, parent: string): PciAddress | null {
  const address = pciAddressOrNull(parent)
  return address === null ? null : physicalFunctionOf(files, address)
}

/** In words, with the modules that bring it. */
export const noMdevSupport: string =
  'no mediated device support is loaded (module mdev, and the card’s own: kvmgt, nvidia-vgpu-vfio, vfio_ap, vfio_ccw)'

/** One type by its id, or null. A parent can have dozens, of several files each: the others are not looked at. */
export function findMdevType(files: HostFiles, parent: string, type: string): MdevType | null {
  return hasMdevType(files, parent, type) ? readMdevType(files, parent, type, []) : null
}

/** True if a parent offers a type of that id, with room for one more or not. */
export function hasMdevType(files: HostFiles, parent: string, type: string): boolean {
  return nameFault(type) === null && files.kind(`${typesPath(parent)}/${type}`) === 'directory'
}

function readMdevType(files: HostFiles, parent: string, type: string, warnings: Warning[]): MdevType {
  const base = `${typesPath(parent)}/${type}`
  const description = readOptional(files, `${base}/description`, warnings)
  return {
    kind: 'mdev',
    parent,
    type,
    name: readOptional(files, `${base}/name`, warnings),
    deviceApi: readOptional(files, `${base}/device_api`, warnings),
    available: readAvailable(files, { parent, type }, warnings),
    description,
    details: parseTypeDetails(description ?? ''),
    devices: readDevices(files, `${base}/devices`, warnings),
  }
}

/** The type's name for people, or null; never a warning: a list shows it only in passing. */
export function readTypeName(files: HostFiles, parent: string, type: string): string | null {
  return readOptional(files, `${typesPath(parent)}/${type}/name`, [])
}

function readOptional(files: HostFiles, path: string, warnings: Warning[]): string | null {
  return readOrWarn(path, warnings, null, () => files.read(path).trim() || null)
}

/** The number that the parent says can still be made: the kernel prints '%u', 0 to 2^32-1. Null if not readable. */
export function readAvailable(
  files: HostFiles,
  { parent, type }: TypeOfParent,
  warnings: Warning[] = [],
): number | null {
  const path = `${typesPath(parent)}/${type}/available_instances`
  try {
    const text = files.read(path).trim()
    if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text)
    warnings.push({ path, message: `says '${printable(text)}', which is not a number of instances` })
  } catch (error) {
    warnings.push(unreadable(path, error))
  }
  return null
}

function readDevices(files: HostFiles, path: string, warnings: Warning[]): Uuid[] {
  return listOrWarn(files, path, warnings)
    .flatMap((name) => uuidOrNull(name) ?? [])
    .sort()
}
