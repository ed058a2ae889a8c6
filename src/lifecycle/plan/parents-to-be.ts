import { counted, pciAddressOrNull } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { sharesOrNull } from '../device/gpu-shares.ts'
import type { VirtualDeviceKind } from '../device/virtual-device-kind.ts'
import { kindOfParent, kinds } from '../kinds/kinds.ts'
import { noSharesReason } from '../kinds/no-shares.ts'
import { planningOf, plannings } from '../kinds/plannings.ts'
import { chooseParents, offers } from '../spec/choose-parents.ts'
import type { FutureFunctions } from '../wanted/future-functions.ts'
import { invalidSpec } from '../wanted/invalid-spec.ts'
import type { ParentPlace, PlacedParent } from '../wanted/parent-place.ts'
import type { SpecDevices, SpecParent } from '../wanted/spec.ts'

/**
 * The parents of a file, with those that it stands for once the file's virtual functions are there. INVALID_SPEC if it
 * names a function that will not be there by the same file, or a device by a UUID if devices have none.
 */
export function parentsToBe(files: HostFiles, path: string, parent: SpecParent, future: FutureFunctions): PlacedParent {
  const { choice } = parent
  const on = 'names' in choice ? placesNamed(files, path, choice.names, parent, future) : chooseParents(files, choice)
  checkNames(path, parent, on)
  const devices = parent.devices.map((each) => ofOneType(files, path, each, on))
  return { ...parent, devices, on }
}

/** With the first of its types that one of these places offers, or with its shares where functions have those. */
function ofOneType(files: HostFiles, path: string, devices: SpecDevices, on: readonly ParentPlace[]): SpecDevices {
  const types = [devices.type, ...devices.otherTypes]
  if (types.length === 1) return devices
  const takes = (place: ParentPlace, type: string) =>
    sharesOrNull(type) === null ? offers(files, place, type) : kindOfPlace(place).hasShares
  const type = types.find((it) => on.some((place) => takes(place, it)))
  if (type !== undefined) return { ...devices, type, otherTypes: [] }
  const names = on.map(({ name }) => name).join(', ')
  throw invalidSpec(
    path,
    names,
    `offers none of ${types.join(', ')} now: functions that are to come tell theirs later`,
    devices.at,
  )
}

function kindOfPlace({ kind }: ParentPlace): VirtualDeviceKind {
  const found = kinds.find((it) => it.kind === kind)
  if (found === undefined) throw new TypeError(`no kind ${kind}`)
  return found
}

/** Those that are there before those that are to come. */
function placesNamed(
  files: HostFiles,
  path: string,
  names: readonly string[],
  parent: SpecParent,
  future: FutureFunctions,
): readonly ParentPlace[] {
  const coming = new Map<string, ParentPlace>()
  for (const name of names) {
    const address = pciAddressOrNull(name)
    if (address === null) continue
    const excluding = future.exclusionOf(address)
    if (excluding !== null) {
      const { device: card, count } = excluding
      const what = count === 0 ? 'no virtual functions' : `the first ${counted(count, 'virtual function')} alone`
      throw invalidSpec(path, address, `parents ask for what it carries, and sriov gives ${card} ${what}`, parent.at)
    }
    const card = future.cardOf(address)
    const places = card === null ? [] : plannings.flatMap((it) => it.placeToCome(files, address, card) ?? [])
    if (places[0] !== undefined) coming.set(name, places[0])
  }
  const there = names.filter((name) => !coming.has(name))
  for (const name of there) checkShares(files, path, name, parent)
  return [...chooseParents(files, { names: there }), ...names.flatMap((name) => coming.get(name) ?? [])]
}

/** INVALID_SPEC for shares of what has none. */
function checkShares(files: HostFiles, path: string, name: string, { devices }: SpecParent): void {
  const entry = devices.find(({ type }) => sharesOrNull(type) !== null)
  if (entry === undefined || kindOfParent(files, name).hasShares) return
  throw invalidSpec(path, entry.type, noSharesReason(files, name), entry.at)
}

function checkNames(path: string, { devices }: SpecParent, on: readonly ParentPlace[]): void {
  const [first] = on
  if (first === undefined || on.some((place) => planningOf(place).namedBy === 'uuid')) return
  for (const { wanted, at } of devices) {
    if (!('uuid' in wanted)) continue
    const names = on.map(({ name }) => name).join(', ')
    throw invalidSpec(path, wanted.uuid, `a ${planningOf(first).noun} of ${names} has no UUID: function names it`, at)
  }
}
