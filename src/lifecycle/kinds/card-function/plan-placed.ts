import { type PciAddress, pciAddressOrNull } from '../../../base/units.ts'
import type { Definition } from '../../definition/definition.ts'
import { FunctionPlacing, type FuturePlace, type PresentFunction } from '../../wanted/function-placing.ts'
import type { PlacedParent } from '../../wanted/parent-place.ts'
import type { PlacingOn } from '../../wanted/placing.ts'
import type { SpecDevices } from '../../wanted/spec.ts'

/** The part of placing functions that is their kind's. */
interface KindOfFunctions {
  readonly kind: string
  /** Free functions that are taken before others. */
  readonly preferred: ReadonlySet<string>
  /** The place by the address of a card or of one of its functions. Throws if there is none. */
  placeOf(on: PciAddress): FuturePlace
  /** The definition that an entry of the file stands for, on these places. */
  definitionOf(places: readonly FuturePlace[], devices: SpecDevices): Definition
  /** True if functions with another part of the card make room for those that the file names. */
  replaces(parent: PlacedParent): boolean
}

/** Gives the functions that a spec asks for their place on this host, those that are named first. */
export function placeFunctions(
  host: PlacingOn<PresentFunction>,
  parents: readonly PlacedParent[],
  its: KindOfFunctions,
): FunctionPlacing {
  const placing = new FunctionPlacing(host, its.preferred)
  // if nothing is to be, it makes no difference that nothing can be
  const asking = parents.filter(({ devices }) => devices.length > 0)
  const wanted = asking.flatMap((parent) =>
    placesOf(parent, its).flatMap((places) =>
      parent.devices.map((devices) => ({
        devices,
        places,
        definition: its.definitionOf(places, devices),
        replaces: its.replaces(parent),
      })),
    ),
  )
  for (const { devices, places, definition } of wanted) placing.placeNamed(places, devices, definition)
  for (const demand of wanted) placing.placeCounted(demand)
  placing.settleCounts()
  for (const { others, on } of parents) {
    if (others !== 'remove') continue
    for (const it of addressesIn(on, its)) placing.removeOthers(({ parent, name }) => parent === it || name === it)
  }
  return placing
}

/** Each card by itself, or those that share what is asked for together. */
function placesOf({ on, choice }: PlacedParent, its: KindOfFunctions): FuturePlace[][] {
  const places = addressesIn(on, its).map((it) => its.placeOf(it))
  return 'anyWith' in choice && places.length > 0 ? [places] : places.map((place) => [place])
}

/** Cards, or the functions that are named. */
function addressesIn(on: PlacedParent['on'], { kind: wanted }: KindOfFunctions): PciAddress[] {
  return on.flatMap(({ kind, name }) => (kind === wanted ? (pciAddressOrNull(name) ?? []) : []))
}
