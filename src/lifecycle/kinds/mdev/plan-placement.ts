import { VfioError } from '../../../base/errors.ts'
import type { Uuid } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { MdevIdentity } from '../../change/device-identity.ts'
import type { Definition } from '../../definition/definition.ts'
import { cardOf } from '../../device/parents.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import type { NodeOwner } from '../../settings/node-owners.ts'
import type { PlacedParent } from '../../wanted/chosen-parents.ts'
import type { Place } from '../../wanted/invalid-spec.ts'
import { inFile, invalidSpec } from '../../wanted/invalid-spec.ts'
import { fitsAsIs, preferences } from '../../wanted/preferences.ts'
import type { SpecDevices, SpecParent } from '../../wanted/spec.ts'
import { derivedUuid } from './derived-uuid.ts'
import type { MdevPlace } from './mdev-places.ts'
import type { MdevType, TypeOfParent } from './mdev-types.ts'
import { findTypesOn } from './type-choice.ts'

/** A mediated device that runs or is defined. */
export type PresentMdev = VirtualDevice<MdevIdentity>

/** A device that a spec asks for, with its place on this host. */
export interface WantedDevice {
  readonly uuid: Uuid
  readonly parent: string
  readonly definition: Definition
  readonly at: Place | null
  /** Null where the spec does not say. */
  readonly owner: NodeOwner | null
}

/** What a spec comes down to on this host. */
export interface Wanted {
  readonly devices: readonly WantedDevice[]
  /** Devices that are there and that the spec has no place for. */
  readonly surplus: readonly { readonly device: PresentMdev; readonly reason: string }[]
}

/** Gives each device that a spec asks for its place, on no function that is `lost` to its driver: on those that are there first, then on free ones. */
export function placeDevices(
  files: HostFiles,
  path: string,
  parents: readonly PlacedParent[],
  present: readonly PresentMdev[],
  lost: ReadonlySet<string>,
): Wanted {
  const placing = new Placing(files, path, present, lost)
  // what is named by its UUID is never taken for another, nor what is on a function that is named for one of a count
  for (const parent of parents) for (const devices of parent.devices) placing.reserve(devices)
  for (const parent of parents) for (const devices of parent.devices) placing.placeOnFunction(parent, devices)
  for (const parent of parents) for (const devices of parent.devices) placing.placeNamed(parent, devices)
  for (const parent of parents) for (const devices of parent.devices) placing.placeCounted(parent, devices)
  placing.settleCounts()
  for (const { others, on } of parents)
    if (others === 'remove') placing.removeOthers(on.mdev.flatMap((it) => it.parents))
  return placing
}

class Placing implements Wanted {
  readonly devices: WantedDevice[] = []
  readonly surplus: { readonly device: PresentMdev; readonly reason: string }[] = []
  readonly #files: HostFiles
  readonly #path: string
  readonly #present: readonly PresentMdev[]
  readonly #lost: ReadonlySet<string>
  /** UUIDs that are taken: by what is there, by what is asked for, by what runs. */
  readonly #here: ReadonlySet<Uuid>
  readonly #asked = new Set<Uuid>()
  readonly #named = new Set<Uuid>()
  readonly #running: ReadonlySet<Uuid>
  /** Devices on their parents that have been placed, or have to go. */
  readonly #settled = new Set<string>()
  /** By parent and type: how many are asked for without a name, are to come, and how many names were tried. */
  readonly #counted = new Map<string, number>()
  readonly #demands: Demand[] = []
  readonly #coming = new Map<string, number>()
  readonly #tried = new Map<string, number>()

  constructor(files: HostFiles, path: string, present: readonly PresentMdev[], lost: ReadonlySet<string>) {
    this.#path = path
    this.#lost = lost
    this.#files = files
    this.#present = present
    this.#here = new Set(present.map(({ uuid }) => uuid))
    this.#running = new Set(present.filter(({ active }) => active).map(({ uuid }) => uuid))
  }

  reserve({ wanted }: SpecDevices): void {
    if ('uuid' in wanted) this.#named.add(wanted.uuid)
  }

  /** A virtual function that is a parent carries one device: that, whatever its UUID. */
  placeOnFunction({ on: { mdev, vgpu } }: PlacedParent, devices: SpecDevices): void {
    const { wanted } = devices
    if (!('function' in wanted) || vgpu.length > 0) return
    const { function: name } = wanted
    const isIts = mdev.some(({ parents }) => parents.includes(name)) && cardOf(this.#files, name) !== name
    if (!isIts) {
      const names = mdev.map((place) => place.name).join(', ')
      throw invalidSpec(this.#path, name, `${names} has no such virtual function`, devices.at)
    }
    if (this.devices.some(({ parent }) => parent === name))
      throw invalidSpec(this.#path, name, 'is listed twice', devices.at)
    const [type] = findTypesOn(this.#files, { name, parents: [name] }, devices.type)
    if (type === undefined) return
    const open = this.#present.filter((device) => kindOf(device) === kindOf(type) && !this.#named.has(device.uuid))
    const fits = (device: PresentMdev) => () => fitsAsIs(this.#files, device, devices)
    const best = preferences.flatMap(
      (isGood) => open.toSorted(byUuid).find((device) => isGood(device, fits(device))) ?? [],
    )
    this.#counted.set(kindOf(type), (this.#counted.get(kindOf(type)) ?? 0) + 1)
    this.#place(best[0]?.uuid ?? this.#newUuid(type), type, devices)
  }

  placeNamed({ on: { mdev: on, vgpu }, others }: PlacedParent, devices: SpecDevices): void {
    const { wanted, type } = devices
    const names = on.map(({ name }) => name).join(', ')
    if (!('uuid' in wanted)) return
    const { uuid } = wanted
    if (on.length === 0)
      throw invalidSpec(this.#path, uuid, `a vGPU of ${vgpu.join(', ')} has no UUID: function names it`, devices.at)
    const its = this.#present.find(
      (device) => device.uuid === uuid && on.some((it) => it.parents.includes(device.parent)),
    )
    const [place, ...more] = on.filter(({ parents }) => its === undefined || parents.includes(its.parent))
    if (place === undefined || more.length > 0) {
      throw new VfioError(
        'AMBIGUOUS',
        `${inFile(this.#path, devices.at)}: ${uuid} is one device, and ${on.length} parents fit: ${names}`,
        {
          path: this.#path,
          hint: 'name one parent for it',
        },
      )
    }
    const types = findTypesOn(this.#files, place, type)
    const own = types.find(({ parent }) => parent === its?.parent) ?? this.#roomiest(types, others, [place], devices.at)
    if (own !== undefined) this.#place(uuid, own, devices)
  }

  placeCounted({ on: { mdev: on }, choice, others }: PlacedParent, devices: SpecDevices): void {
    const { wanted } = devices
    if (!('count' in wanted) || on.length === 0) return
    if ('anyWith' in choice) this.#placeOn(on, wanted.count, devices, others)
    else for (const place of on) this.#placeOn([place], wanted.count, devices, others)
  }

  #removeSurplus(): void {
    for (const device of this.#present) {
      const count = this.#counted.get(kindOf(device))
      if (count === undefined || !this.#isFree(device) || this.#isWanted(device)) continue
      this.#remove(device, `the file asks for ${count} of its type`)
    }
  }

  removeOthers(parents: readonly string[]): void {
    for (const device of this.#present) {
      if (parents.includes(device.parent) && this.#isFree(device)) {
        this.#remove(device, 'the file does not name its type, and says that others go')
      }
    }
  }

  #placeOn(places: readonly MdevPlace[], count: number, devices: SpecDevices, others: SpecParent['others']): void {
    const types = places.flatMap((place) => findTypesOn(this.#files, place, devices.type))
    for (const type of types) this.#counted.set(kindOf(type), (this.#counted.get(kindOf(type)) ?? 0) + count)
    this.#demands.push({ places, types, devices, others, missing: count })
  }

  /** Those that are there first, the best for each; what is left of a counted type goes; then come new ones. */
  settleCounts(): void {
    for (const isGood of preferences) {
      for (const demand of this.#demands) this.#takeThere(demand, isGood)
    }
    this.#removeSurplus()
    for (const { places, types, devices, others, missing } of this.#demands) {
      for (let n = 0; n < missing; n++) {
        const type = this.#roomiest(types, others, places, devices.at)
        if (type !== undefined) this.#place(this.#newUuid(type), type, devices)
      }
    }
  }

  #takeThere(demand: Demand, isGood: (device: PresentMdev, fits: () => boolean) => boolean): void {
    if (demand.missing === 0) return
    const types = new Map(demand.types.map((type) => [kindOf(type), type]))
    const good = this.#present.filter((device) => {
      const isOpen =
        types.has(kindOf(device)) && !this.#lost.has(device.parent) && this.#isFree(device) && !this.#isWanted(device)
      return isOpen && isGood(device, () => fitsAsIs(this.#files, device, demand.devices))
    })
    for (const device of good.sort(byUuid).slice(0, demand.missing)) {
      const type = types.get(kindOf(device))
      if (type === undefined) continue
      this.#place(device.uuid, type, demand.devices)
      demand.missing--
    }
  }

  /**
   * The first of those of which most are left, after those that are placed and not there yet. A virtual function carries
   * one device: NO_INSTANCE_LEFT where each has its own.
   */
  #roomiest(
    types: readonly MdevType[],
    others: SpecParent['others'],
    places: readonly MdevPlace[],
    at: Place | null,
  ): MdevType | undefined {
    const left = (one: MdevType) => (one.available ?? 0) - (this.#coming.get(kindOf(one)) ?? 0)
    const free = types.filter(({ parent }) => !this.#isTaken(parent, others))
    const [first] = types
    if (first !== undefined && free.length === 0) {
      const name = places.map((place) => place.name).join(', ')
      throw new VfioError(
        'NO_INSTANCE_LEFT',
        `${inFile(this.#path, at)}: ${name} has no virtual function left for ${first.type}`,
        {
          path: this.#path,
          hint: `vfioctl list -p ${places[0]?.name}; each function carries one vGPU`,
          facts: { ...at, places: places.map((place) => place.name), type: first.type, functions: types.length },
        },
      )
    }
    return free.reduce<MdevType | undefined>(
      (best, type) => (best === undefined || left(type) > left(best) ? type : best),
      undefined,
    )
  }

  /** Whether a virtual function has its device: one that was placed on it, or one that stays there. */
  #isTaken(parent: string, others: SpecParent['others']): boolean {
    if (cardOf(this.#files, parent) === parent) return false
    if (this.#lost.has(parent) || this.devices.some((it) => it.parent === parent)) return true
    return others === 'keep' && this.#present.some((it) => it.parent === parent && this.#isFree(it))
  }

  /** The same in each run on the same host, so that one that was interrupted goes on with what it began. */
  #newUuid(type: MdevType): Uuid {
    const kind = kindOf(type)
    for (let n = this.#tried.get(kind) ?? 0; ; n++) {
      const uuid = derivedUuid(type, n)
      if (this.#asked.has(uuid) || this.#here.has(uuid) || this.#named.has(uuid)) continue
      this.#tried.set(kind, n + 1)
      return uuid
    }
  }

  #place(uuid: Uuid, { parent, type }: TypeOfParent, { at, start, attributes, owner }: SpecDevices): void {
    this.devices.push({ uuid, parent, definition: { type, start, attributes }, at, owner })
    this.#asked.add(uuid)
    this.#settled.add(placeOf({ uuid, parent }))
    if (this.#running.has(uuid)) return
    const kind = kindOf({ parent, type })
    this.#coming.set(kind, (this.#coming.get(kind) ?? 0) + 1)
  }

  #remove(device: PresentMdev, reason: string): void {
    this.surplus.push({ device, reason })
    this.#settled.add(placeOf(device))
  }

  /** Where it is, or on another parent: it comes there, as a UUID runs once. */
  #isWanted({ uuid }: PresentMdev): boolean {
    return this.#asked.has(uuid)
  }

  #isFree(device: PresentMdev): boolean {
    return !this.#settled.has(placeOf(device))
  }
}

function kindOf({ parent, type }: TypeOfParent): string {
  return `${parent}/${type}`
}

function placeOf({ uuid, parent }: Pick<PresentMdev, 'uuid' | 'parent'>): string {
  return `${uuid} ${parent}`
}

/** So many of a type, in whichever of these places. */
interface Demand {
  readonly places: readonly MdevPlace[]
  readonly others: SpecParent['others']
  readonly types: readonly MdevType[]
  readonly devices: SpecDevices
  missing: number
}

function byUuid(a: PresentMdev, b: PresentMdev): number {
  return a.uuid < b.uuid ? -1 : 1
}
