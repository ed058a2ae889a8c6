import { VfioError } from '../../../base/errors.ts'
import { checkedName, pciAddressOrNull } from '../../../base/units.ts'
import { checkOnPciBus } from '../../../host/pci-bus.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { noSuchParent, parentName } from '../../device/parents.ts'
import { isTypeNamed, typeNamed } from '../../device/type-named.ts'
import type { Parents } from '../../wanted/parent-place.ts'
import { parentsOf } from './mdev-places.ts'
import {
  findMdevType,
  hasMdevType,
  type MdevType,
  mdevBus,
  mdevParents,
  noMdevSupport,
  readMdevTypes,
} from './mdev-types.ts'

/**
 * The parent by the name the kernel gives it; a PCI address may be short or in capitals. NOT_FOUND names the nearest.
 */
export function findParent(files: HostFiles, name: string): string {
  const known = parentName(checkedName('parent', name))
  if (files.kind(`${mdevBus}/${known}`) !== null) return known
  const address = pciAddressOrNull(known)
  if (address !== null) checkOnPciBus(files, address)
  const parents = mdevParents(files)
  if (parents === null) {
    throw new VfioError('NOT_SUPPORTED', `cannot use parent ${name}: ${noMdevSupport}`, {
      path: mdevBus,
      hint: 'modprobe mdev, then the card’s own module; `vfioctl types` shows what it brings',
    })
  }
  throw noSuchParent(name, parents, 'mediated devices')
}

/** The place by the name of a parent, or of a card whose virtual functions are parents. NOT_FOUND as `findParent`. */
export function findPlace(files: HostFiles, name: string): Parents {
  const parents = parentsOf(files, name)
  return parents.length === 0 ? { name: findParent(files, name), parents: [] } : { name: parentName(name), parents }
}

/** The id of a type of that parent, named as `isTypeNamed` says. */
export function findTypeId(files: HostFiles, parent: string, name: string): string {
  return hasMdevType(files, parent, name) ? name : findType(files, parent, name).type
}

/** A type of that parent, named as `isTypeNamed` says. */
export function findType(files: HostFiles, parent: string, name: string): MdevType {
  return findMdevType(files, parent, name) ?? typeNamed(readMdevTypes(files, { parent }).types, parent, name)
}

/** The id of a type that parents of a place have, named as `isTypeNamed` says. */
export function findTypeIdOn(files: HostFiles, { name: place, parents }: Parents, name: string): string {
  const [first] = parents
  if (parents.some((parent) => hasMdevType(files, parent, name))) return name
  if (first === undefined || parents.length === 1) return findType(files, first ?? place, name).type
  // all functions of a card have the same types, as a rule
  const having = parents.find((parent) => readMdevTypes(files, { parent }).types.some((it) => isTypeNamed(it, name)))
  return typeNamed(readMdevTypes(files, { parent: having ?? first }).types, place, name).type
}

/** A type of each of a place's parents that has it, likewise. */
export function findTypesOn(files: HostFiles, place: Parents, name: string): MdevType[] {
  const id = findTypeIdOn(files, place, name)
  return place.parents.flatMap((parent) => findMdevType(files, parent, id) ?? [])
}
