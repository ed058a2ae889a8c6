import { VfioError } from '../../../base/errors.ts'
import { checkedName, pciAddressOrNull, printable } from '../../../base/units.ts'
import { nearestNames } from '../../../host/nearest-name.ts'
import { checkOnPciBus } from '../../../host/pci-bus.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { type MdevPlace, parentsOf } from './mdev-places.ts'
import {
  findMdevType,
  hasMdevType,
  type MdevType,
  mdevBus,
  mdevParents,
  noMdevSupport,
  parentName,
  readMdevTypes,
} from './mdev-types.ts'

/** The parent by the name the kernel gives it; a PCI address may be short or in capitals. NOT_FOUND names the nearest. */
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
  throw noSuchParent(files, name)
}

export function noSuchParent(files: HostFiles, name: string): VfioError {
  const parents = mdevParents(files) ?? []
  const nearest = nearestNames(name, parents)
  return new VfioError('NOT_FOUND', `no parent '${printable(name)}' offers mediated devices${didYouMean(nearest)}`, {
    hint: parents.length === 0 ? 'no card offers any: is its driver loaded?' : 'vfioctl types',
    facts: { parent: name, nearest },
  })
}

/** The place by the name of a parent, or of a card whose virtual functions are parents. NOT_FOUND as `findParent`. */
export function findPlace(files: HostFiles, name: string): MdevPlace {
  const parents = parentsOf(files, name)
  return parents.length === 0 ? { name: findParent(files, name), parents: [] } : { name: parentName(name), parents }
}

/** A type as people know it. */
export interface NamedType {
  readonly type: string
  readonly name: string | null
}

/** By its id ('nvidia-222') or its name ('GRID T4-1B', also with `_` for spaces, or its last word alone). */
export function isTypeNamed(type: NamedType, name: string): boolean {
  const own = type.name?.replaceAll('_', ' ')
  const wanted = name.replaceAll('_', ' ')
  return type.type === name || own === wanted || own?.split(' ').at(-1) === wanted
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
export function findTypeIdOn(files: HostFiles, { name: place, parents }: MdevPlace, name: string): string {
  const [first] = parents
  if (parents.some((parent) => hasMdevType(files, parent, name))) return name
  if (first === undefined || parents.length === 1) return findType(files, first ?? place, name).type
  // all functions of a card have the same types, as a rule
  const having = parents.find((parent) => readMdevTypes(files, { parent }).types.some((it) => isTypeNamed(it, name)))
  return typeNamed(readMdevTypes(files, { parent: having ?? first }).types, place, name).type
}

/** A type of each of a place's parents that has it, likewise. */
export function findTypesOn(files: HostFiles, place: MdevPlace, name: string): MdevType[] {
  const id = findTypeIdOn(files, place, name)
  return place.parents.flatMap((parent) => findMdevType(files, parent, id) ?? [])
}

/** The one of a parent's types that is named so: NOT_FOUND names the nearest, AMBIGUOUS those that share the name. */
export function typeNamed<T extends NamedType>(types: readonly T[], parent: string, name: string): T {
  const found = types.find(({ type }) => type === name)
  if (found !== undefined) return found
  const named = types.filter((type) => isTypeNamed(type, name))
  const [only] = named
  if (only !== undefined && named.length === 1) return only
  if (only !== undefined) {
    throw new VfioError('AMBIGUOUS', `${parent} has several types named '${printable(name)}'`, {
      hint: `name one by its id: ${named.map(({ type }) => type).join(', ')}`,
      facts: { parent, types: named.map(({ type }) => type) },
    })
  }
  throw noSuchType(types, parent, name)
}

/** Of a parent's types, or with `parent` null of all of a host's, none is named so. */
export function noSuchType(types: readonly NamedType[], parent: string | null, name: string): VfioError {
  const known = types.flatMap((type) => [type.type, ...(type.name === null ? [] : [type.name])])
  const nearest = nearestNames(name, [...new Set(known)])
  const who = parent === null ? 'no card here' : parent
  return new VfioError(
    'NOT_FOUND',
    `${who} has ${parent === null ? 'a' : 'no'} type '${printable(name)}'${didYouMean(nearest)}`,
    {
      hint: parent === null ? 'vfioctl types' : `vfioctl types -p ${parent}`,
      facts: { parent, type: name, nearest },
    },
  )
}

function didYouMean(nearest: readonly string[]): string {
  return nearest.length === 0 ? '' : `; did you mean ${nearest.map((name) => `'${name}'`).join(' or ')}?`
}
