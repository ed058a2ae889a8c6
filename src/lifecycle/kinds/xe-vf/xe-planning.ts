import { type PciAddress, parsePciAddress, pciAddressOrNull } from '../../../base/units.ts'
import type { DevicePlanning } from '../../wanted/device-planning.ts'
import type { ParentPlace } from '../../wanted/parent-place.ts'
import { sharesBeforeFunctions, storedShares } from './before-functions.ts'
import { carryOutXe } from './plan-carry-out.ts'
import { planXe } from './plan-xe.ts'
import { xeCard, xeCards } from './xe-cards.ts'
import type { XeIdentity } from './xe-identity.ts'

/** Shares of Intel's GPUs in a plan. */
export const xePlanning: DevicePlanning<XeIdentity> = {
  kind: 'xe-vf',
  noun: 'share of a GPU',
  namedBy: 'function',
  asksScripts: false,
  placeNamed: (_, name) => ofShares(parsePciAddress(name)),
  places: (files, fits) =>
    xeCards(files)
      .map(({ address }) => ofShares(address))
      .filter(fits),
  placeToCome: (files, address, card) => (xeCard(files, card) === null ? null : ofShares(address)),
  // their parent is the card itself
  cardOf: (_, parent) => parent,
  plan: planXe,
  // what VRAM a card has left shows as it is given
  roomFault: () => null,
  carryOut: carryOutXe,
  leavesDrivers: true,
  writesBeforeFunctions(files, card, count, entries) {
    const defined = storedShares(files)
    for (const { kind, name, wanted } of entries) {
      const address = pciAddressOrNull(name)
      if (kind !== 'xe-vf' || address === null) continue
      if (wanted === null) defined.delete(address)
      else defined.set(address, wanted.type)
    }
    return sharesBeforeFunctions(files, card, count, defined)
  },
}

function ofShares(address: PciAddress): ParentPlace {
  return { kind: 'xe-vf', name: address, parents: [address] }
}
