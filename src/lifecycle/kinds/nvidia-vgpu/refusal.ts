import { kernelAnswer, VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { isDenied, refusedByKernel } from '../../change/refused-by-kernel.ts'
import { isMigBacked, migReason, whyNothing } from '../../device/mig.ts'
import type { NamedType } from '../../device/type-named.ts'
import { readVgpuFunctions, type VgpuFunction } from './vgpu-functions.ts'
import { knownTypeName } from './vgpu-type-names.ts'
import { readCreatableTypes } from './vgpu-types.ts'

/** The vGPU that was to be made: its type and its place. */
export interface RefusedVgpu {
  readonly card: PciAddress
  /** Null if any function of the card would have done. */
  readonly address: PciAddress | null
  readonly type: NamedType
}

/** The error with the reason of a refused vGPU, found at the card's other functions; `cause` is the driver's answer. */
export function vgpuRefused(files: HostFiles, refused: RefusedVgpu, cause?: unknown): VfioError {
  const { card, address, type } = refused
  const { functions } = readVgpuFunctions(files, card)
  const carried = functions.filter((it) => it.type !== null && it.type !== 0)
  const answer = cause === undefined ? '' : ` (the driver answers ${kernelAnswer(cause)})`
  const tried =
    address === null ? `${card} takes no ${shown(type)} now` : `${address} cannot be made ${shown(type)} now`
  const what = `${tried}${answer}`
  const facts = {
    card,
    device: address,
    type: type.type,
    siblings: carried.map((it) => ({ device: it.address, type: String(it.type) })),
  }
  const details = { ...(cause === undefined ? {} : { cause }), facts }
  const its = carried.find((it) => it.address === address)
  if (its !== undefined) {
    return new VfioError('ALREADY_EXISTS', `${what}: it is ${shownType(files, its)} already`, {
      ...details,
      hint: `vfioctl stop ${its.address} first`,
    })
  }
  if (isDenied(cause)) return refusedByKernel(tried, cause, { facts, hint: 'dmesg | tail, for what the driver says' })
  const refusedFor = (why: string, hint: string) => {
    return new VfioError('NO_INSTANCE_LEFT', `${what}${why}`, { ...details, hint })
  }
  const offered = offeredBy(files, functions)
  const list = carried.map((it) => `${it.address} as ${shownType(files, it)}`).join(', ')
  const mig = migReason(card, type, offered)
  if (carried.length === 0) {
    const reason = mig ?? (offered.length === 0 ? whyNothing(card) : null)
    const hint = reason?.hint ?? `vfioctl types -p ${card}; dmesg | tail, for what the driver says`
    return refusedFor(`, though the card carries no vGPU${reason === null ? '' : `: ${reason.why}`}`, hint)
  }
  if (mig !== null) return refusedFor(` beside ${list}: ${mig.why}`, mig.hint)
  const [first] = carried
  if (first !== undefined && takesOneTypeOnly(files, carried, offered, type)) {
    const mixed = first.driverModel === 'proprietary' ? mixedSizes(card) : ''
    return refusedFor(
      `: the card takes one type at a time, and carries ${list}`,
      `stop those first (vfioctl stop ${first.address})${mixed}`,
    )
  }
  return refusedFor(
    `: there is no room beside ${list}`,
    `vfioctl types -p ${card} shows what fits; vfioctl stop ${first?.address} makes room`,
  )
}

/** Only NVIDIA's own driver knows them. */
function mixedSizes(card: PciAddress): string {
  return `; or, if the card can, mix sizes: vfioctl gpu-mode ${card} --heterogeneous on`
}

/** 'NVIDIA L40S-24Q (1157)' */
function shown({ type, name }: NamedType): string {
  return name === null ? `type ${type}` : `${name} (${type})`
}

function shownType(files: HostFiles, { type }: VgpuFunction): string {
  const id = type ?? 0
  return shown({ type: String(id), name: knownTypeName(files, id) })
}

function offeredBy(files: HostFiles, functions: readonly VgpuFunction[]): NamedType[] {
  return functions
    .filter(({ type }) => type === 0)
    .flatMap(({ address }) => readCreatableTypes(files, address))
    .map(({ id, name }) => ({ type: String(id), name }))
}

/**
 * True if its one type of another size is what keeps this one out: the card's free functions are offered more of that,
 * and nothing else. With two types on it, or GPU instances, it takes several.
 */
function takesOneTypeOnly(
  files: HostFiles,
  carried: readonly VgpuFunction[],
  offered: readonly NamedType[],
  wanted: NamedType,
): boolean {
  const ids = new Set(carried.map(({ type }) => type))
  const [id = null] = ids
  if (ids.size !== 1 || id === null || String(id) === wanted.type) return false
  if (isMigBacked({ name: knownTypeName(files, id) })) return false
  return offered.length > 0 && offered.every(({ type }) => type === String(id))
}
