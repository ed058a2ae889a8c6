import { nameFault, pciAddressOrNull } from '../../../base/units.ts'
import { readPhysicalFunction } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { cardOf, parentName } from '../../device/parents.ts'
import type { Parents } from '../../wanted/parent-place.ts'
import { mdevBus, mdevParents } from './mdev-types.ts'

/**
 * The parents of mediated devices that a name stands for: of a card whose virtual functions are parents, those
 * (NVIDIA's cards from Ampere to vGPU 16); else the one of that name. None if there is none.
 */
export function parentsOf(files: HostFiles, name: string): string[] {
  const address = pciAddressOrNull(name)
  const functions = address === null ? [] : (readPhysicalFunction(files, address)?.functions ?? [])
  const parents = functions.filter((it) => isParent(files, it))
  if (parents.length > 0) return parents
  const known = parentName(name)
  return isParent(files, known) ? [known] : []
}

/** Every place of this host, sorted by name: a card with its functions is one. */
export function mdevPlaces(files: HostFiles): Parents[] {
  const places = new Map<string, string[]>()
  for (const parent of mdevParents(files) ?? []) {
    const card = cardOf(files, parent)
    places.set(card, [...(places.get(card) ?? []), parent])
  }
  return [...places]
    .map(([name, its]) => ({ name, parents: its.length === 1 ? its : its.filter((parent) => parent !== name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function isParent(files: HostFiles, name: string): boolean {
  return nameFault(name) === null && files.kind(`${mdevBus}/${name}`) !== null
}
