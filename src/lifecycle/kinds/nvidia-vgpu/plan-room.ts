import { type PciAddress, pciAddressOrNull } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { isMigBacked } from '../../device/mig.ts'
import type { CardLoad } from '../../wanted/card-load.ts'
import type { RoomFault } from '../../wanted/device-planning.ts'
import { oneKindFault } from '../mdev/one-kind.ts'
import { vgpuRefused } from './refusal.ts'
import { readVgpuFunctions, type VgpuFunction } from './vgpu-functions.ts'
import { knownTypes } from './vgpu-type-names.ts'
import { framebufferOf, readCreatableTypes } from './vgpu-types.ts'

/** A type as a card of vendor vGPUs tells of it. */
interface CardType {
  readonly type: string
  readonly name: string
  readonly framebufferMiB: number | null
}

/** The reason why a card cannot carry the vGPUs to come beside those that stay; null if none is known. */
export function vgpuRoomFault(files: HostFiles, load: CardLoad): RoomFault | null {
  const card = pciAddressOrNull(load.card)
  const functions = card === null ? [] : readVgpuFunctions(files, card).functions
  if (card === null || functions.length === 0) return null
  const offers = new Map(
    functions.filter(({ type }) => type === 0).map(({ address }) => [address, readCreatableTypes(files, address)]),
  )
  const offered = [...offers.values()].flat().map(cardType)
  const refused = load.leaves.length === 0 ? refusedNow(files, card, load, offers) : null
  if (refused !== null) return refused
  const noted = knownTypes(files).map(cardType)
  const types = [...offered, ...noted.filter(({ type }) => !offered.some((it) => it.type === type))]
  const why = tooMuchFramebuffer(load, offered) ?? oneKind(load, functions, offered, types)
  return why === null ? null : { why, hint: `vfioctl types -p ${card} shows what fits; vfioctl list -p ${card}` }
}

/** The fault of a type that is not offered now: if nothing leaves, it will not be then. */
function refusedNow(
  files: HostFiles,
  card: PciAddress,
  { comes }: CardLoad,
  offers: ReadonlyMap<string, readonly { readonly id: number; readonly name: string }[]>,
): RoomFault | null {
  for (const { name, type } of comes) {
    const its = offers.get(name)
    if (its === undefined || its.some(({ id }) => String(id) === type)) continue
    const known = knownTypes(files).find(({ id }) => String(id) === type)
    const { message, hint } = vgpuRefused(files, { card, address: null, type: { type, name: known?.name ?? null } })
    return { why: message, hint: hint ?? `vfioctl types -p ${card}` }
  }
  return null
}

/** Of fewer, the list of a card's types is none of all that it can carry. */
const fullListOfSizes = 4

/**
 * The largest type of a card takes all of it; which that is shows while the card carries nothing and offers all of
 * them.
 */
function tooMuchFramebuffer({ stays, leaves, comes }: CardLoad, offered: readonly CardType[]): string | null {
  if (stays.length + leaves.length > 0) return null
  const after = comes.map(({ type }) => offered.find((it) => it.type === type))
  const boards = new Set(after.map((it) => (it === undefined || isMigBacked(it) ? null : boardOf(it.name))))
  const [board] = boards
  if (boards.size !== 1 || board == null) return null
  const ofBoard = offered.filter(({ name }) => boardOf(name) === board)
  const sizes = new Set(ofBoard.flatMap(({ framebufferMiB }) => framebufferMiB ?? []))
  if (sizes.size < fullListOfSizes) return null
  const whole = Math.max(...sizes)
  const sum = after.reduce((total, it) => total + (it?.framebufferMiB ?? 0), 0)
  return sum > whole ? `they take ${sum} MiB of framebuffer, and it has ${whole} MiB` : null
}

function oneKind(
  load: CardLoad,
  functions: readonly VgpuFunction[],
  offered: readonly CardType[],
  types: readonly CardType[],
): string | null {
  const offeredTypes = new Set(offered.map(({ type }) => type))
  const boards = new Set([...load.stays, ...load.leaves, ...load.comes].map(({ type }) => boardNamed(types, type)))
  const known = types
    .filter((type) => !isMigBacked(type) && boards.has(boardOf(type.name)))
    .map(({ type, framebufferMiB }) => ({
      type,
      details: { framebufferMiB, maxResolution: null, heads: null, maxInstances: null },
      isOffered: offeredTypes.has(type),
    }))
  const isOpen = functions.some(({ driverModel }) => driverModel === 'open')
  return oneKindFault({ ...load, types: known, isOneTypeOnly: isOpen })
}

function cardType({ id, name }: { readonly id: number; readonly name: string }): CardType {
  return { type: String(id), name, framebufferMiB: framebufferOf(name) }
}

function boardNamed(types: readonly CardType[], type: string): string | null {
  const found = types.find((it) => it.type === type)
  return found === undefined ? null : boardOf(found.name)
}

/** 'NVIDIA L40S' of 'NVIDIA L40S-24Q' */
function boardOf(name: string): string | null {
  return /^(.+)-\d{1,4}[ABCQ]$/.exec(name)?.[1] ?? null
}
