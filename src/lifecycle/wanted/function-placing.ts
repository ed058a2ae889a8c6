import type { PciAddress } from '../../base/units.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import type { Definition } from '../definition/definition.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { invalidSpec } from './invalid-spec.ts'
import { type Demand, type PlacedDevice, Placing, type PlacingOn } from './placing.ts'
import type { NoRoom } from './plan.ts'
import type { SpecDevices } from './spec.ts'

/** A virtual function that is a virtual device, running or defined. */
export type PresentFunction = VirtualDevice<DeviceIdentity & { readonly name: PciAddress }>

/** A place for devices that are virtual functions, once the spec's virtual functions are there. */
export interface FuturePlace {
  /** The card, or the one of its functions that was named. */
  readonly on: PciAddress
  readonly card: PciAddress
  /** Functions that can be such devices, once the spec's virtual functions are there. */
  readonly functions: readonly PciAddress[]
  /** They are there already, and tell which types they take. */
  readonly isThere: boolean
}

/** A device that a spec asks for, with its function. */
export interface PlacedFunction extends PlacedDevice {
  readonly name: PciAddress
  /** The card. */
  readonly parent: PciAddress
}

/** So many of a type, on whichever of these cards. */
interface FunctionDemand extends Demand {
  readonly places: readonly FuturePlace[]
  readonly definition: Definition
  /** True if what the spec does not name goes, and makes room. */
  readonly replaces: boolean
}

/** Gives each device that a spec asks for its function: those that are of its type first, then free ones. */
export class FunctionPlacing extends Placing<PresentFunction, PlacedFunction, FunctionDemand> {
  /** Cards that have not as many functions as the spec asks for. */
  readonly noRoom: NoRoom[] = []
  readonly #preferred: ReadonlySet<string>

  /** `preferred`: free functions that are taken before others, as mediated devices are defined for them. */
  constructor(host: PlacingOn<PresentFunction>, preferred: ReadonlySet<string>) {
    super(host)
    this.#preferred = preferred
  }

  placeNamed(places: readonly FuturePlace[], { at, wanted, owner }: SpecDevices, definition: Definition): void {
    if (!('function' in wanted)) return
    const { function: name } = wanted
    const { path } = this.host
    const card = cardOf(places, name)
    if (card === null) {
      const cards = places.map((place) => place.card).join(', ')
      throw invalidSpec(path, name, `${cards} has no such virtual function`, at)
    }
    if (this.isWanted(name)) throw invalidSpec(path, name, 'is listed twice', at)
    this.place({ name, parent: card, definition, at, owner })
  }

  placeCounted(demand: Omit<FunctionDemand, 'missing'>): void {
    const { wanted } = demand.devices
    if (!('count' in wanted)) return
    for (const { on } of demand.places) this.count(on, demand.definition.type, wanted.count)
    this.demands.push({ ...demand, missing: wanted.count })
  }

  /** Those that are there first, the best for each; then free functions. What is left of a counted type then goes. */
  settleCounts(): void {
    this.takeThere()
    for (const demand of this.demands) this.#takeFree(demand)
    this.removeSurplus()
  }

  /** A function is one device, whatever its card is said to be. */
  protected override keyOf({ name }: Pick<PlacedDevice, 'name'>): string {
    return name
  }

  /** By the card or by the function alone, as the spec named it. */
  protected override countOf(device: PresentFunction): number | null {
    return super.countOf(device) ?? super.countOf({ ...device, parent: device.name })
  }

  protected override isOf({ name, type }: PresentFunction, { places, definition }: FunctionDemand): boolean {
    return cardOf(places, name) !== null && type === definition.type && !this.host.lost.has(name)
  }

  protected override take({ name }: PresentFunction, { places, devices, definition }: FunctionDemand): void {
    const card = cardOf(places, name)
    if (card !== null) this.place({ name, parent: card, definition, at: devices.at, owner: devices.owner })
  }

  #takeFree({ places, devices: { at, owner }, definition, replaces, missing }: FunctionDemand): void {
    const { type } = definition
    const isDefined = ({ name }: { readonly name: PciAddress }) => this.#preferred.has(name)
    const all = places
      .flatMap(({ card, functions }) => functions.map((name) => ({ name, parent: card })))
      .toSorted((a, b) => Number(isDefined(b)) - Number(isDefined(a)))
    const free = all.filter((it) => this.isFree(it) && !this.host.lost.has(it.name))
    const usable = replaces ? this.#unusedFirst(free) : free.filter(({ name }) => this.#presentAt(name) === null)
    const chosen = usable.slice(0, missing)
    if (chosen.length < missing) {
      const why = `it has no function left for ${type}: of ${all.length}, ${chosen.length} are free, and ${missing} are missing`
      for (const { card } of places) this.noRoom.push({ at, card, why, hint: 'vfioctl sriov; vfioctl list' })
    }
    for (const it of chosen) this.place({ ...it, definition, at, owner })
  }

  /**
   * That it is a device now makes no difference: an apply that was interrupted goes on with those that it chose,
   * however many it had ended by then.
   */
  #unusedFirst<T extends { readonly name: PciAddress }>(places: readonly T[]): T[] {
    const isUsed = ({ name }: T) => (this.#presentAt(name)?.users.length ?? 0) > 0
    return [...places.filter((it) => !isUsed(it)), ...places.filter(isUsed)]
  }

  #presentAt(address: PciAddress): PresentFunction | null {
    return this.host.present.find(({ name }) => name === address) ?? null
  }
}

function cardOf(places: readonly FuturePlace[], address: PciAddress): PciAddress | null {
  return places.find(({ functions }) => functions.includes(address))?.card ?? null
}
