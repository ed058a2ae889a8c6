import { kernelAnswer, VfioError } from '../../errors.ts'
import { readVgpuFunctions, type VgpuFunction } from '../../host/vgpu-functions.ts'
import { knownTypeName } from '../../host/vgpu-type-names.ts'
import { readCreatableTypes } from '../../host/vgpu-types.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { failedWith } from '../../kernel/system-error.ts'
import type { PciAddress } from '../../units.ts'
import type { NamedType } from '../type-choice.ts'

/** What was to be made, and where. */
export interface RefusedVgpu {
  readonly card: PciAddress
  /** Null where any function of the card would have done. */
  readonly address: PciAddress | null
  readonly type: NamedType
}

/** Why a card makes no such vGPU, found by looking at its other functions; `cause` is what the driver answered. */
export function vgpuRefused(files: HostFiles, refused: RefusedVgpu, cause?: unknown): VfioError {
  const { card, address, type } = refused
  const { functions } = readVgpuFunctions(files, card)
  const carried = functions.filter((it) => it.type !== null && it.type !== 0)
  const answer = cause === undefined ? '' : ` (the driver answers ${kernelAnswer(cause)})`
  const what =
    address === null
      ? `${card} takes no ${shown(type)} now${answer}`
      : `${address} cannot be made ${shown(type)} now${answer}`
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
  if (failedWith(cause, 'EACCES', 'EPERM')) {
    return new VfioError('PERMISSION_DENIED', `${what}; only root may`, { ...details, hint: 'sudo vfioctl start …' })
  }
  if (carried.length === 0) {
    return new VfioError('NO_INSTANCE_LEFT', `${what}, though the card carries no vGPU`, {
      ...details,
      hint: `vfioctl types -p ${card}; dmesg | tail, for what the driver says`,
    })
  }
  const others = carried.filter((it) => String(it.type) !== type.type)
  const list = carried.map((it) => `${it.address} as ${shownType(files, it)}`).join(', ')
  const isOneTypeOnly = others.length > 0 && offersOnly(files, functions, others)
  return new VfioError(
    'NO_INSTANCE_LEFT',
    isOneTypeOnly
      ? `${what}: the card takes one type at a time, and carries ${list}`
      : `${what}: there is no room beside ${list}`,
    {
      ...details,
      hint: isOneTypeOnly
        ? `stop those first (vfioctl stop ${others[0]?.address}); or, where the card can, allow several types: nvidia-smi vgpu -shm 1 -i ${card}`
        : `vfioctl types -p ${card} shows what fits; vfioctl stop ${carried[0]?.address} makes room`,
    },
  )
}

/** 'NVIDIA L40S-24Q (1157)' */
function shown({ type, name }: NamedType): string {
  return name === null ? `type ${type}` : `${name} (${type})`
}

function shownType(files: HostFiles, { type }: VgpuFunction): string {
  const id = type ?? 0
  return shown({ type: String(id), name: knownTypeName(files, id) })
}

/** The card's free functions are offered more of what others are, and nothing else. */
function offersOnly(files: HostFiles, functions: readonly VgpuFunction[], carried: readonly VgpuFunction[]): boolean {
  const ids = new Set(carried.map(({ type }) => type))
  const offered = functions.filter(({ type }) => type === 0).flatMap((it) => readCreatableTypes(files, it.address))
  return offered.length > 0 && offered.every(({ id }) => ids.has(id))
}
