import type { PciAddress } from '../../../base/units.ts'
import type { PhysicalFunction } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Write } from '../../change/change.ts'
import { noShares, sharesOrNull } from '../../device/gpu-shares.ts'
import { readShares } from './read-shares.ts'
import { shareWrites } from './share-writes.ts'
import { adminPath, possibleFunctions, xeCard } from './xe-cards.ts'
import { xeDefinitions } from './xe-definitions.ts'

/**
 * The shares that are defined for the first so many functions of a card, given before they come: so they keep the card
 * from giving each an equal part, and no function is there for a moment with another share. Others that were given
 * before, as by a change that was killed, are given back. None if none is defined; for no functions, all is given back.
 * `defined` has them by their functions.
 */
export function sharesBeforeFunctions(
  files: HostFiles,
  card: PhysicalFunction,
  count: number,
  defined: ReadonlyMap<PciAddress, string>,
): Write[] {
  if (xeCard(files, card.address) === null || files.kind(adminPath(card.address)) === null) return []
  const functions = possibleFunctions(files, card)
  const wishes = functions.map((it, index) => (index < count ? sharesOrNull(defined.get(it) ?? '') : null))
  const first = wishes.find((it) => it !== null)
  if (first == null && count > 0) return []
  // all functions of a card have the same priority
  let { priority } = readShares(files, card, functions[0] ?? card.address)
  const wish = first?.priority ?? priority
  return functions.flatMap((address, index) => {
    const wanted = { ...noShares, ...wishes[index], priority: wish }
    const there = readShares(files, card, address)
    // those that are there give everything back as they go, but the priority
    const now = { ...there, ...(index < card.count ? { ...noShares, unclear: null } : {}), priority }
    priority = wanted.priority
    // a reset is for what is there
    return shareWrites(files, card, address, wanted, now).filter(({ path }) => !path.endsWith('/reset'))
  })
}

/**
 * Of the first so many functions of a card those that come without VRAM, since others are given theirs before: the card
 * makes equal parts only if none was given (Documentation/ABI/testing/sysfs-driver-intel-xe-sriov). None if no VRAM is.
 */
export function functionsWithoutVram(
  files: HostFiles,
  card: PhysicalFunction,
  count: number,
  defined: ReadonlyMap<PciAddress, string>,
): readonly PciAddress[] {
  if (xeCard(files, card.address) === null) return []
  const functions = possibleFunctions(files, card).slice(0, count)
  const without = functions.filter((it) => (sharesOrNull(defined.get(it) ?? '')?.vram ?? 0) === 0)
  return without.length === functions.length ? [] : without
}

/** The shares that are stored, by their functions. */
export function storedShares(files: HostFiles): Map<PciAddress, string> {
  return new Map(xeDefinitions.list(files).definitions.map(({ address, definition }) => [address, definition.type]))
}
