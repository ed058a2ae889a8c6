import type { PciAddress } from '../../units.ts'
import type { Definition } from '../definition/definition.ts'
import type { VgpuIdentity, VirtualDevice } from '../device/virtual-device.ts'
import type { NodeOwner } from '../settings/node-owners.ts'
import { invalidSpec } from '../spec/invalid-spec.ts'
import type { SpecDevices } from '../spec/spec.ts'
import type { NoRoom } from './plan.ts'
import type { FuturePlace } from './plan-vgpus.ts'

export type PresentVgpu = VirtualDevice<VgpuIdentity>

/** A vGPU that a spec asks for, with its place on this host. */
export interface PlacedVgpu {
  readonly address: PciAddress
  readonly card: PciAddress
  readonly definition: Definition
  /** Null where the spec does not say. */
  readonly owner: NodeOwner | null
}

/** Gives each vGPU that a spec asks for its function: those that are of its type first, then free ones. */
export class VgpuPlacing {
  readonly placed: PlacedVgpu[] = []
  readonly surplus: { readonly device: PresentVgpu; readonly reason: string }[] = []
  /** Cards that have not as many functions as the spec asks for. */
  readonly noRoom: NoRoom[] = []
  readonly #path: string
  readonly #present: readonly PresentVgpu[]

  constructor(path: string, present: readonly PresentVgpu[]) {
    this.#path = path
    this.#present = present
  }

  placeNamed(places: readonly FuturePlace[], { wanted, owner }: SpecDevices, definition: Definition): void {
    if (!('function' in wanted)) return
    const { function: address } = wanted
    const card = places.find(({ functions }) => functions.includes(address))?.card
    if (card === undefined) {
      const cards = places.map((place) => place.card).join(', ')
      throw invalidSpec(this.#path, address, `${cards} has no such virtual function`)
    }
    if (this.placed.some((other) => other.address === address)) throw invalidSpec(this.#path, address, 'is there twice')
    this.placed.push({ address, card, definition, owner })
  }

  /** `replaces`: what the spec does not name goes, and makes room. */
  placeCounted(
    places: readonly FuturePlace[],
    { wanted, owner }: SpecDevices,
    definition: Definition,
    replaces: boolean,
  ): void {
    if (!('count' in wanted)) return
    const { count } = wanted
    const { type } = definition
    const having = this.#present
      .filter(({ name, type: has }) => has === type && this.#isFree(name))
      .flatMap((device) => {
        const place = places.find(({ functions }) => functions.includes(device.name))
        return place === undefined ? [] : [{ device, card: place.card }]
      })
      .sort((a, b) => byWorth(a.device, b.device))
    for (const { device, card } of having.slice(0, count)) {
      this.placed.push({ address: device.name, card, definition, owner })
    }
    for (const { device } of having.slice(count)) {
      this.surplus.push({ device, reason: `the file asks for ${count} of its type` })
    }
    const missing = Math.max(0, count - having.length)
    const all = places.flatMap(({ card, functions }) => functions.map((address) => ({ address, card })))
    const free = all.filter(({ address }) => this.#isFree(address))
    const usable = replaces ? this.#unusedFirst(free) : free.filter(({ address }) => this.#presentAt(address) === null)
    const chosen = usable.slice(0, missing)
    if (chosen.length < missing) {
      const why = `it has no function left for ${type}: of ${all.length}, ${chosen.length} are free, and ${missing} are missing`
      for (const { card } of places) this.noRoom.push({ card, why, hint: 'vfioctl sriov; vfioctl list' })
    }
    for (const { address, card } of chosen) this.placed.push({ address, card, definition, owner })
  }

  removeOthers(card: PciAddress): void {
    for (const device of this.#present) {
      if (device.parent === card && this.#isFree(device.name)) {
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

/** Those that run before those that are only defined, those in use first, in a steady order. */
function byWorth(a: PresentVgpu, b: PresentVgpu): number {
  if (a.active !== b.active) return a.active ? -1 : 1
  if (a.users.length > 0 !== b.users.length > 0) return a.users.length > 0 ? -1 : 1
  return a.name < b.name ? -1 : 1
}
