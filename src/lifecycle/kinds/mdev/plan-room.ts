import { counted } from '../../../base/units.ts'
import { readPciIds } from '../../../host/pci-ids.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { isMigBacked } from '../../device/mig.ts'
import { cardOf } from '../../device/parents.ts'
import type { CardLoad, Carried } from '../../wanted/card-load.ts'
import type { RoomFault } from '../../wanted/device-planning.ts'
import { type MdevType, mdevParents, readMdevTypes } from './mdev-types.ts'
import { oneKindFault } from './one-kind.ts'

/** The reason why a card cannot carry the mediated devices to come beside those that stay; null if none is known. */
export function mdevRoomFault(files: HostFiles, load: CardLoad): RoomFault | null {
  const { card } = load
  const parents = (mdevParents(files) ?? []).filter((parent) => cardOf(files, parent) === card)
  const types = parents.flatMap((parent) => readMdevTypes(files, { parent }).types)
  const kinds = types.filter((type) => !isMigBacked(type)).map((type) => ({ ...type, isOffered: type.available !== 0 }))
  const isOneSizeOnly = isWholeNvidia(files, card, parents)
  const why =
    tooManyOnFunction(files, load) ??
    oneKindFault({ ...load, types: kinds, isOneSizeOnly }) ??
    tooManyOfType(load, types) ??
    tooMuchFramebuffer(load, types)
  return why === null ? null : { why, hint: `vfioctl types -p ${card} shows what fits; vfioctl list -p ${card}` }
}

/** A virtual function of NVIDIA's carries one vGPU. */
function tooManyOnFunction(files: HostFiles, { card, stays, comes }: CardLoad): string | null {
  if (!isNvidia(files, card)) return null
  for (const [parent, its] of byKey([...stays, ...comes], (it) => it.parent)) {
    if (parent !== card && its.length > 1) return `the function ${parent} carries one vGPU, not ${its.length}`
  }
  return null
}

function tooManyOfType({ card, stays, leaves, comes }: CardLoad, types: readonly MdevType[]): string | null {
  for (const its of byKey(comes, ({ parent, type }) => `${parent}/${type}`).values()) {
    const [{ parent, type }] = its
    const known = types.find((it) => it.parent === parent && it.type === type)
    if (known === undefined) continue
    const shown = known.name === null ? type : `${type} (${known.name})`
    const room = roomOf(known, card, leaves)
    if (room !== null && its.length > room) {
      return `${parent} has room for ${room} more of ${shown}, and ${its.length} are to come${heldBy(stays)}`
    }
    const most = known.details.maxInstances
    const all = [...stays, ...comes].filter((it) => it.type === type).length
    if (most !== null && all > most) return `there can be ${most} of ${shown}, not ${all}`
  }
  return null
}

/** The number that fit once what leaves has left; null if that is not known: others than its own kind make room. */
function roomOf({ parent, type, available }: MdevType, card: string, leaves: readonly Carried[]): number | null {
  if (available === null || leaves.length === 0) return available
  const isOwnKind = parent === card && leaves.every((it) => it.type === type)
  return isOwnKind ? available + leaves.length : null
}

function heldBy(stays: readonly Carried[]): string {
  if (stays.length === 0) return ''
  const some = stays.slice(0, 4).map(({ name, type }) => `${name} (${type})`)
  return ` beside ${some.join(', ')}${stays.length > some.length ? ` and ${counted(stays.length - some.length, 'other')}` : ''}`
}

/** NVIDIA says of each type how much it takes, and how many of it are the whole card. */
function tooMuchFramebuffer({ stays, comes }: CardLoad, types: readonly MdevType[]): string | null {
  const sizes = new Map(types.map(({ type, details }) => [type, details]))
  const whole = Math.max(
    ...types.map(({ details: { framebufferMiB, maxInstances } }) => (framebufferMiB ?? 0) * (maxInstances ?? 0)),
  )
  const taken = [...stays, ...comes].map(({ type }) => sizes.get(type))
  const isKnown = taken.every((it) => it?.framebufferMiB != null && it.maxInstances !== null)
  const sum = taken.reduce((total, it) => total + (it?.framebufferMiB ?? 0), 0)
  return isKnown && sum > whole ? `they take ${sum} MiB of framebuffer, and it has ${whole} MiB` : null
}

/** NVIDIA's cards before Ampere are parents themselves, without virtual functions, and know no vGPUs of mixed sizes. */
function isWholeNvidia(files: HostFiles, card: string, parents: readonly string[]): boolean {
  return parents.length === 1 && parents[0] === card && isNvidia(files, card)
}

function isNvidia(files: HostFiles, card: string): boolean {
  return readPciIds(files, card, []).vendor === '0x10de'
}

function byKey<T>(items: readonly T[], key: (item: T) => string): Map<string, [T, ...T[]]> {
  const groups = new Map<string, [T, ...T[]]>()
  for (const item of items) {
    const known = groups.get(key(item))
    if (known === undefined) groups.set(key(item), [item])
    else known.push(item)
  }
  return groups
}
