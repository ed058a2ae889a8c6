import type { PciAddress } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { VgpuIdentity } from '../../change/device-identity.ts'
import type { Definition } from '../../definition/definition.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import type { NodeOwner } from '../../settings/node-owners.ts'
import type { Place } from '../../wanted/invalid-spec.ts'
import { invalidSpec } from '../../wanted/invalid-spec.ts'
import type { NoRoom } from '../../wanted/plan.ts'
import { fitsAsIs, preferences } from '../../wanted/preferences.ts'
import type { SpecDevices } from '../../wanted/spec.ts'

/** A vGPU that runs or is defined. */
export type PresentVgpu = VirtualDevice<VgpuIdentity>

/** Where vGPUs can be made, once the spec's virtual functions are there. */
export interface FuturePlace {
  /** The card, or the one of its functions that was named. */
  readonly on: PciAddress
  readonly card: PciAddress
  /** Where vGPUs can be, once the spec's virtual functions are there. */
  readonly functions: readonly PciAddress[]
  /** They are there already, and tell which types they take. */
  readonly isThere: boolean
}

/** A vGPU that a spec asks for, with its place on this host. */
export interface PlacedVgpu {
  readonly address: PciAddress
  readonly card: PciAddress
  readonly definition: Definition
  readonly at: Place | null
  /** Null where the spec does not say. */
  readonly owner: NodeOwner | null
}

/** Gives each vGPU that a spec asks for its function: those that are of its type first, then free ones. */
export class VgpuPlacing {
  readonly placed: PlacedVgpu[] = []
  readonly surplus: { readonly device: PresentVgpu; readonly reason: string }[] = []
  /** Cards that have not as many functions as the spec asks for. */
  readonly noRoom: NoRoom[] = []
  /** How many are asked for without a name, by card or function and type. */
  readonly #counted = new Map<string, number>()
  readonly #demands: Demand[] = []
  readonly #files: HostFiles
  readonly #path: string
  readonly #present: readonly PresentVgpu[]
  readonly #lost: ReadonlySet<string>
  readonly #mdevParents: ReadonlySet<string>

  /** `lost`: functions that are not to be vGPUs; `mdevParents`: for which mediated devices are defined, if they make those. */
  constructor(
    files: HostFiles,
    path: string,
    present: readonly PresentVgpu[],
    lost: ReadonlySet<string>,
    mdevParents: ReadonlySet<string>,
  ) {
    this.#lost = lost
    this.#mdevParents = mdevParents
    this.#files = files
    this.#path = path
    this.#present = present
  }

  placeNamed(places: readonly FuturePlace[], { at, wanted, owner }: SpecDevices, definition: Definition): void {
    if (!('function' in wanted)) return
    const { function: address } = wanted
    const card = places.find(({ functions }) => functions.includes(address))?.card
    if (card === undefined) {
      const cards = places.map((place) => place.card).join(', ')
      throw invalidSpec(this.#path, address, `${cards} has no such virtual function`, at)
    }
    if (this.placed.some((other) => other.address === address))
      throw invalidSpec(this.#path, address, 'is listed twice', at)
    this.placed.push({ address, card, definition, at, owner })
  }

  /** `replaces`: what the spec does not name goes, and makes room. */
  placeCounted(
    places: readonly FuturePlace[],
    { at, wanted, owner }: SpecDevices,
    definition: Definition,
    replaces: boolean,
  ): void {
    if (!('count' in wanted)) return
    const { count } = wanted
    for (const { on } of places) {
      const kind = `${on} ${definition.type}`
      this.#counted.set(kind, (this.#counted.get(kind) ?? 0) + count)
    }
    this.#demands.push({ places, at, owner, definition, replaces, missing: count })
  }

  /** Those that are there first, the best for each; then free functions. What is left of a counted type then goes. */
  settleCounts(): void {
    for (const isGood of preferences) {
      for (const demand of this.#demands) this.#takeThere(demand, isGood)
    }
    for (const demand of this.#demands) this.#takeFree(demand)
    for (const device of this.#present) {
      const { name, parent, type } = device
      const count = this.#counted.get(`${parent} ${type}`) ?? this.#counted.get(`${name} ${type}`)
      if (count === undefined || !this.#isFree(device.name)) continue
      this.surplus.push({ device, reason: `the file asks for ${count} of its type` })
    }
  }

  #takeThere(demand: Demand, isGood: (device: PresentVgpu, fits: () => boolean) => boolean): void {
    const { places, at, owner, definition } = demand
    for (const device of this.#present.toSorted(byName)) {
      if (demand.missing === 0) return
      const card = places.find(({ functions }) => functions.includes(device.name))?.card
      if (card === undefined || device.type !== definition.type || !this.#isFree(device.name)) continue
      if (this.#lost.has(device.name)) continue
      if (!isGood(device, () => fitsAsIs(this.#files, device, { ...definition, owner }))) continue
      this.placed.push({ address: device.name, card, definition, at, owner })
      demand.missing--
    }
  }

  #takeFree({ places, at, owner, definition, replaces, missing }: Demand): void {
    const { type } = definition
    const isDefined = ({ address }: { readonly address: PciAddress }) => this.#mdevParents.has(address)
    const all = places
      .flatMap(({ card, functions }) => functions.map((address) => ({ address, card })))
      .toSorted((a, b) => Number(isDefined(b)) - Number(isDefined(a)))
    const free = all.filter(({ address }) => this.#isFree(address) && !this.#lost.has(address))
    const usable = replaces ? this.#unusedFirst(free) : free.filter(({ address }) => this.#presentAt(address) === null)
    const chosen = usable.slice(0, missing)
    if (chosen.length < missing) {
      const why = `it has no function left for ${type}: of ${all.length}, ${chosen.length} are free, and ${missing} are missing`
      for (const { card } of places) this.noRoom.push({ at, card, why, hint: 'vfioctl sriov; vfioctl list' })
    }
    for (const { address, card } of chosen) this.placed.push({ address, card, definition, at, owner })
  }

  /** `on`: a card, or one of its functions. */
  removeOthers(on: PciAddress): void {
    for (const device of this.#present) {
      if ((device.parent === on || device.name === on) && this.#isFree(device.name)) {
        this.surplus.push({ device, reason: 'the file does not name its type, and says that others go' })
      }
    }
  }

  #isFree(address: PciAddress): boolean {
    return (
      !this.placed.some((it) => it.address === address) && !this.surplus.some(({ device }) => device.name === address)
    )
  }

  /**
   * Whether it is a vGPU now makes no difference: an apply that was interrupted goes on with those that it chose, however
   * many it had ended by then.
   */
  #unusedFirst<T extends { readonly address: PciAddress }>(places: readonly T[]): T[] {
    const isUsed = ({ address }: T) => (this.#presentAt(address)?.users.length ?? 0) > 0
    return [...places.filter((it) => !isUsed(it)), ...places.filter(isUsed)]
  }

  #presentAt(address: PciAddress): PresentVgpu | null {
    return this.#present.find(({ name }) => name === address) ?? null
  }
}

/** So many of a type, on whichever of these cards. */
interface Demand {
  readonly at: Place | null
  readonly places: readonly FuturePlace[]
  readonly owner: NodeOwner | null
  readonly definition: Definition
  readonly replaces: boolean
  missing: number
}

function byName(a: PresentVgpu, b: PresentVgpu): number {
  return a.name < b.name ? -1 : 1
}
