import { VfioError } from '../../../base/errors.ts'
import { pciAddressOrNull, type Uuid } from '../../../base/units.ts'
import { isSriovGpu } from '../../../host/nvidia-gpu.ts'
import { functionAddresses, pciPath, readPhysicalFunction } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { cardOf, parentName } from '../../device/parents.ts'
import type { Parents } from '../../wanted/parent-place.ts'
import { noInstanceLeft } from './create-device.ts'
import { readMdevDevices } from './mdev-devices.ts'
import { parentsOf } from './mdev-places.ts'
import { hasMdevType, readAvailable, typesPath } from './mdev-types.ts'
import { readDefinitions } from './store.ts'
import { findParent, findPlace } from './type-choice.ts'

/** The place of that name: a parent or a card; with `exactParent`, the parent alone. */
export function placeOf(files: HostFiles, name: string, exactParent = false): Parents {
  if (!exactParent) return findPlace(files, name)
  const parent = findParent(files, name)
  return { name: parent, parents: [parent] }
}

/**
 * As `placeOf`, of a host if it need not be there: the functions that a card will have are known from its capability.
 */
export function expectedPlace(files: HostFiles, name: string, exactParent = false): Parents {
  const known = parentName(name)
  const there = exactParent ? [] : parentsOf(files, known)
  if (exactParent || there.length > 0) return { name: known, parents: exactParent ? [known] : there }
  const address = pciAddressOrNull(known)
  const card = address === null ? null : readPhysicalFunction(files, address)
  if (card === null || !isSriovGpu(files, card.address)) return { name: known, parents: [known] }
  return { name: known, parents: functionAddresses(files, card.address, card.total) }
}

/** The folder whose lock keeps others from a parent, and from its card's other functions: they share what it has. */
export function lockOf(files: HostFiles, parent: string): string {
  const card = cardOf(files, parent)
  const address = pciAddressOrNull(card)
  return card === parent || address === null ? typesPath(parent) : pciPath(address)
}

/**
 * The parent of a place on which one more device of a type is made: the first function of a card that has room, carries
 * nothing and is not defined to. NO_INSTANCE_LEFT says what holds them. A place with one parent is that parent.
 */
export function chooseParent(files: HostFiles, place: Parents, type: string, uuid: Uuid): string {
  const { name, parents } = place
  const [first = name] = parents
  if (parents.length < 2) return first
  const roomy = parents.filter((parent) => hasRoom(files, parent, type))
  if (roomy.length > 0) return freeParent(files, { name, parents: roomy }, type, uuid)
  throw noInstanceLeft(files, { parent: first, type }, { place: name })
}

function hasRoom(files: HostFiles, parent: string, type: string): boolean {
  return hasMdevType(files, parent, type) && readAvailable(files, { parent, type }) !== 0
}

/** The first function that neither carries a device nor is defined to; NO_INSTANCE_LEFT if there is none. */
export function freeParent(files: HostFiles, { name, parents }: Parents, type: string, uuid: Uuid): string {
  const [only] = parents
  if (only !== undefined && cardOf(files, only) === only && parents.length === 1) return only
  const reserved = reservedParents(files, uuid)
  const chosen = parents.find((parent) => !reserved.has(parent)) ?? (only === name ? only : undefined)
  if (chosen !== undefined) return chosen
  throw new VfioError(
    'NO_INSTANCE_LEFT',
    `${name} has no free function for ${type}: each that has room carries a device, or is defined to`,
    {
      hint: `vfioctl list -p ${name}; a function can be named: -p ${only ?? 'ADDRESS'}`,
      facts: { card: name, type, functions: parents.length },
    },
  )
}

/** Virtual functions that carry a device, or are defined to: each carries one. */
function reservedParents(files: HostFiles, uuid: Uuid): Set<string> {
  return new Set(
    [...readMdevDevices(files).devices, ...readDefinitions(files).definitions]
      .filter((it) => it.uuid !== uuid)
      .map(({ parent }) => parent),
  )
}
