import { VfioError } from '../../../base/errors.ts'
import type { Uuid } from '../../../base/units.ts'
import { counted } from '../../../base/units.ts'
import { cardOf } from '../../device/parents.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import { inFile, invalidSpec, type Place } from '../../wanted/invalid-spec.ts'
import type { Parents, PlacedParent } from '../../wanted/parent-place.ts'
import { byName, type Demand, type PlacedDevice, Placing, type PlacingOn } from '../../wanted/placing.ts'
import { fitsAsIs, preferences } from '../../wanted/preferences.ts'
import type { SpecDevices, SpecParent } from '../../wanted/spec.ts'
import { derivedUuid } from './derived-uuid.ts'
import type { MdevIdentity } from './mdev-identity.ts'
import type { MdevType, TypeOfParent } from './mdev-types.ts'
import { findTypesOn } from './type-choice.ts'

/** A mediated device that runs or is defined. */
export type PresentMdev = VirtualDevice<MdevIdentity>

/** A mediated device that a spec asks for, with its place on this host. */
export interface PlacedMdev extends PlacedDevice {
  readonly name: Uuid
}

/** The placed devices of a spec, and those on this host that it has no place for. */
export type PlacedMdevs = Pick<MdevPlacing, 'placed' | 'surplus'>

/**
 * Gives each device that a spec asks for its place, on no function that is `lost` to its driver: on those that are
 * there first, then on free ones.
 */
export function placeDevices(host: PlacingOn<PresentMdev>, parents: readonly PlacedParent[]): PlacedMdevs {
  const placing = new MdevPlacing(host)
  // what is named by its UUID is never taken for another, nor what is on a function that is named for one of a count
  for (const parent of parents) for (const devices of parent.devices) placing.reserve(devices)
  for (const parent of parents) for (const devices of parent.devices) placing.placeOnFunction(parent, devices)
  for (const parent of parents) for (const devices of parent.devices) placing.placeNamed(parent, devices)
  for (const parent of parents) for (const devices of parent.devices) placing.placeCounted(parent, devices)
  placing.settleCounts()
  for (const { others, on } of parents) {
    if (others !== 'remove') continue
    const its = new Set(ofMdevs(on).flatMap((place) => place.parents))
    placing.removeOthers(({ parent }) => its.has(parent))
  }
  return placing
}

function ofMdevs(on: PlacedParent['on']): readonly Parents[] {
  return on.filter(({ kind }) => kind === 'mdev')
}

/** So many of a type, in whichever of these places. */
interface MdevDemand extends Demand {
  readonly places: readonly Parents[]
  readonly others: SpecParent['others']
  readonly types: readonly MdevType[]
  /** The same by parent and type. */
  readonly known: ReadonlyMap<string, MdevType>
}

class MdevPlacing extends Placing<PresentMdev, PlacedMdev, MdevDemand> {
  /** UUIDs that are taken: by what is there, by what is asked for, by what runs. */
  readonly #here: ReadonlySet<Uuid>
  readonly #named = new Set<Uuid>()
  readonly #running: ReadonlySet<Uuid>
  /** By parent and type: how many are to come, and how many names were tried. */
  readonly #coming = new Map<string, number>()
  readonly #tried = new Map<string, number>()

  constructor(host: PlacingOn<PresentMdev>) {
    super(host)
    this.#here = new Set(host.present.map(({ uuid }) => uuid))
    this.#running = new Set(host.present.filter(({ active }) => active).map(({ uuid }) => uuid))
  }

  reserve({ wanted }: SpecDevices): void {
    if ('uuid' in wanted) this.#named.add(wanted.uuid)
  }

  /** A virtual function that is a parent carries one device: that, whatever its UUID. */
  placeOnFunction({ on }: PlacedParent, devices: SpecDevices): void {
    const { wanted } = devices
    const mdev = ofMdevs(on)
    // of places of other kinds, those know whose function it is
    if (!('function' in wanted) || mdev.length < on.length) return
    const { function: name } = wanted
    const { files, path, present } = this.host
    const isIts = mdev.some(({ parents }) => parents.includes(name)) && cardOf(files, name) !== name
    if (!isIts) {
      const names = mdev.map((place) => place.name).join(', ')
      throw invalidSpec(path, name, `${names} has no such virtual function`, devices.at)
    }
    if (this.placed.some(({ parent }) => parent === name)) throw invalidSpec(path, name, 'is listed twice', devices.at)
    const [type] = findTypesOn(files, { name, parents: [name] }, devices.type)
    if (type === undefined) return
    const open = present.filter((device) => kindOf(device) === kindOf(type) && !this.#named.has(device.uuid))
    const fits = (device: PresentMdev) => () => fitsAsIs(files, device, devices)
    const best = preferences.flatMap(
      (isGood) => open.toSorted(byName).find((device) => isGood(device, fits(device))) ?? [],
    )
    this.count(type.parent, type.type, 1)
    this.#place(best[0]?.uuid ?? this.#newUuid(type), type, devices)
  }

  placeNamed({ on: all, others }: PlacedParent, devices: SpecDevices): void {
    const { wanted, type } = devices
    const on = ofMdevs(all)
    if (!('uuid' in wanted) || on.length === 0) return
    const { files, path, present } = this.host
    const { uuid } = wanted
    const names = on.map(({ name }) => name).join(', ')
    const its = present.find((device) => device.uuid === uuid && on.some((it) => it.parents.includes(device.parent)))
    const [place, ...more] = on.filter(({ parents }) => its === undefined || parents.includes(its.parent))
    if (place === undefined || more.length > 0) {
      throw new VfioError(
        'AMBIGUOUS',
        `${inFile(path, devices.at)}: ${uuid} is one device, and fits ${counted(on.length, 'parent')}: ${names}`,
        { path, hint: 'name one parent for it' },
      )
    }
    const types = findTypesOn(files, place, type)
    const own = types.find(({ parent }) => parent === its?.parent) ?? this.#roomiest(types, others, [place], devices.at)
    if (own !== undefined) this.#place(uuid, own, devices)
  }

  placeCounted({ on: all, choice, others }: PlacedParent, devices: SpecDevices): void {
    const { wanted } = devices
    const on = ofMdevs(all)
    if (!('count' in wanted) || on.length === 0) return
    if ('anyWith' in choice) this.#placeOn(on, wanted.count, devices, others)
    else for (const place of on) this.#placeOn([place], wanted.count, devices, others)
  }

  #placeOn(places: readonly Parents[], count: number, devices: SpecDevices, others: SpecParent['others']): void {
    const types = places.flatMap((place) => findTypesOn(this.host.files, place, devices.type))
    for (const { parent, type } of types) this.count(parent, type, count)
    const known = new Map(types.map((type) => [kindOf(type), type]))
    this.demands.push({ places, types, known, devices, others, missing: count })
  }

  /** Those that are there first, the best for each; what is left of a counted type goes; then come new ones. */
  settleCounts(): void {
    this.takeThere()
    this.removeSurplus()
    for (const { places, types, devices, others, missing } of this.demands) {
      for (let n = 0; n < missing; n++) {
        const type = this.#roomiest(types, others, places, devices.at)
        if (type !== undefined) this.#place(this.#newUuid(type), type, devices)
      }
    }
  }

  /** A UUID runs once, and may be defined on several parents. */
  protected override keyOf({ name, parent }: Pick<PlacedDevice, 'name' | 'parent'>): string {
    return `${name} ${parent}`
  }

  protected override isOf(device: PresentMdev, { known }: MdevDemand): boolean {
    return known.has(kindOf(device)) && !this.host.lost.has(device.parent)
  }

  protected override take({ uuid, parent, type }: PresentMdev, { devices }: MdevDemand): void {
    this.#place(uuid, { parent, type }, devices)
  }

  /**
   * The first of those of which most are left, after those that are placed and not there yet. A virtual function
   * carries one device: NO_INSTANCE_LEFT if each has its own.
   */
  #roomiest(
    types: readonly MdevType[],
    others: SpecParent['others'],
    places: readonly Parents[],
    at: Place | null,
  ): MdevType | undefined {
    const { path } = this.host
    const left = (one: MdevType) => (one.available ?? 0) - (this.#coming.get(kindOf(one)) ?? 0)
    const free = types.filter(({ parent }) => !this.#isTaken(parent, others))
    const [first] = types
    if (first !== undefined && free.length === 0) {
      const name = places.map((place) => place.name).join(', ')
      throw new VfioError(
        'NO_INSTANCE_LEFT',
        `${inFile(path, at)}: ${name} has no virtual function left for ${first.type}`,
        {
          path,
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

  /** True if a virtual function has its device: one that was placed on it, or one that stays there. */
  #isTaken(parent: string, others: SpecParent['others']): boolean {
    const { files, present, lost } = this.host
    if (cardOf(files, parent) === parent) return false
    if (lost.has(parent) || this.placed.some((it) => it.parent === parent)) return true
    return others === 'keep' && present.some((it) => it.parent === parent && this.isFree(it))
  }

  /** The same in each run on the same host, so that one that was interrupted goes on with what it began. */
  #newUuid(type: MdevType): Uuid {
    const kind = kindOf(type)
    for (let n = this.#tried.get(kind) ?? 0; ; n++) {
      const uuid = derivedUuid(type, n)
      if (this.isWanted(uuid) || this.#here.has(uuid) || this.#named.has(uuid)) continue
      this.#tried.set(kind, n + 1)
      return uuid
    }
  }

  #place(uuid: Uuid, { parent, type }: TypeOfParent, { at, start, attributes, owner }: SpecDevices): void {
    this.place({ name: uuid, parent, definition: { type, start, attributes }, at, owner })
    if (this.#running.has(uuid)) return
    const kind = kindOf({ parent, type })
    this.#coming.set(kind, (this.#coming.get(kind) ?? 0) + 1)
  }
}

function kindOf({ parent, type }: TypeOfParent): string {
  return `${parent}/${type}`
}
