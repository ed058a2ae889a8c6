import type { HostFiles } from '../../kernel/kernel.ts'
import type { Definition } from '../definition/definition.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import type { NodeOwner } from '../settings/node-owners.ts'
import type { Place } from './invalid-spec.ts'
import { fitsAsIs, preferences } from './preferences.ts'
import type { SpecDevices } from './spec.ts'

/** A device that a spec asks for, with its place on this host. */
export interface PlacedDevice {
  readonly name: string
  /** The parent, or the card. */
  readonly parent: string
  readonly definition: Definition
  readonly at: Place | null
  /** Null if the spec does not say. */
  readonly owner: NodeOwner | null
}

/** So many devices of a type, on whichever of some places. */
export interface Demand {
  readonly devices: SpecDevices
  missing: number
}

/** The host that a spec is placed on. */
export interface PlacingOn<Device> {
  readonly files: HostFiles
  /** The file, for messages. */
  readonly path: string
  /** Running and defined devices of one kind. */
  readonly present: readonly Device[]
  /** Functions that lose their driver by the same file: nothing is placed on them. */
  readonly lost: ReadonlySet<string>
}

/**
 * Gives each device that a spec asks for its place on this host. Of so many, those that are there come first, the best
 * for each; what is left of a counted type goes. A kind says what fits where, and where new ones come.
 */
export abstract class Placing<Device extends VirtualDevice, Placed extends PlacedDevice, Asked extends Demand> {
  readonly placed: Placed[] = []
  /** Devices that are there and that the spec has no place for. */
  readonly surplus: { readonly device: Device; readonly reason: string }[] = []
  protected readonly host: PlacingOn<Device>
  protected readonly demands: Asked[] = []
  readonly #wanted = new Set<string>()
  /** Devices that have been placed, or have to go. */
  readonly #settled = new Set<string>()
  /** The number asked for without a name, by parent and type. */
  readonly #counted = new Map<string, number>()

  constructor(host: PlacingOn<Device>) {
    this.host = host
  }

  /** The key that tells a device, where it is, from others. */
  protected abstract keyOf(device: Pick<PlacedDevice, 'name' | 'parent'>): string
  /** True if a device that has no place yet is of a demand's type, on one of its places. */
  protected abstract isOf(device: Device, demand: Asked): boolean
  /** Gives a demand a device that is there. */
  protected abstract take(device: Device, demand: Asked): void

  /** Has every device go that is meant and has no place. */
  removeOthers(isMeant: (device: Device) => boolean): void {
    for (const device of this.host.present) {
      if (!isMeant(device) || !this.isFree(device)) continue
      this.#remove(device, 'the file does not name its type, and says that others go')
    }
  }

  protected place(placed: Placed): void {
    this.placed.push(placed)
    this.#wanted.add(placed.name)
    this.#settled.add(this.keyOf(placed))
  }

  protected count(parent: string, type: string, count: number): void {
    this.#counted.set(kindOf(parent, type), this.counted(parent, type) + count)
  }

  protected counted(parent: string, type: string): number {
    return this.#counted.get(kindOf(parent, type)) ?? 0
  }

  /** True if it is counted where it is. */
  protected countOf({ parent, type }: Device): number | null {
    return this.#counted.get(kindOf(parent, type)) ?? null
  }

  /** True if what is there, or could be, has not been placed and need not go. */
  protected isFree(device: Pick<PlacedDevice, 'name' | 'parent'>): boolean {
    return !this.#settled.has(this.keyOf(device))
  }

  /** True if it is placed, there or elsewhere. */
  protected isWanted(name: string): boolean {
    return this.#wanted.has(name)
  }

  protected takeThere(): void {
    for (const isGood of preferences) {
      for (const demand of this.demands) {
        if (demand.missing === 0) continue
        const good = this.host.present.filter((device) => {
          const isOpen = this.isFree(device) && !this.isWanted(device.name) && this.isOf(device, demand)
          return isOpen && isGood(device, () => fitsAsIs(this.host.files, device, demand.devices))
        })
        for (const device of good.sort(byName).slice(0, demand.missing)) {
          this.take(device, demand)
          demand.missing--
        }
      }
    }
  }

  protected removeSurplus(): void {
    for (const device of this.host.present) {
      const count = this.countOf(device)
      if (count === null || !this.isFree(device) || this.isWanted(device.name)) continue
      this.#remove(device, `the file asks for ${count} of its type`)
    }
  }

  #remove(device: Device, reason: string): void {
    this.surplus.push({ device, reason })
    this.#settled.add(this.keyOf(device))
  }
}

/** Devices by their names, for sort(). */
export function byName(a: VirtualDevice, b: VirtualDevice): number {
  return a.name < b.name ? -1 : 1
}

function kindOf(parent: string, type: string): string {
  return `${parent}/${type}`
}
