import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { chooseVgpuType } from '../kinds/nvidia-vgpu/choose-type.ts'
import { replaceVgpuDefinition, undefineVgpu } from '../kinds/nvidia-vgpu/define-vgpu.ts'
import { readVgpuDefinition } from '../kinds/nvidia-vgpu/definitions.ts'
import { findVgpuPlace } from '../kinds/nvidia-vgpu/place.ts'
import { startVgpu } from '../kinds/nvidia-vgpu/start-vgpu.ts'
import { stopVgpu } from '../kinds/nvidia-vgpu/stop-vgpu.ts'
import { readVgpuFunction } from '../kinds/nvidia-vgpu/vgpu-functions.ts'
import { carryOutMdev } from './apply-mdev.ts'
import { keepOwner } from './kept-owner.ts'
import { type MadeMoves, makeMoves } from './make-moves.ts'
import type { Move, PlannedVgpu, Running } from './plan.ts'
import { turnedOutMdev } from './turned-out-mdev.ts'

/** Carries out what a plan has for one vGPU: as a mediated device if its function has come as a parent of those. */
export async function carryOutVgpu(
  kernel: Kernel,
  item: PlannedVgpu,
  options: ChangeOptions,
  journal: MadeMoves[],
): Promise<void> {
  const { files } = kernel
  const { device: address } = item
  const mdev = turnedOutMdev(files, item)
  if (mdev !== null) return carryOutMdev(kernel, mdev, options, journal, item)
  const stored = readVgpuDefinition(files, address)
  const moving = {
    make: (move: Move, how: ChangeOptions) => carryOutMove(kernel, item, move, how),
    async defineAsBefore(how: ChangeOptions) {
      if (stored === null) await undefineVgpu(kernel, address, how)
      else await replaceVgpuDefinition(kernel, stored, how)
    },
    runningNow(): Running | null {
      const now = readVgpuFunction(files, address)
      return now === null || now.type === null || now.type === 0 ? null : { parent: now.physfn, type: String(now.type) }
    },
    async startAgain({ type }: Running, how: ChangeOptions) {
      const isDefined = readVgpuDefinition(files, address) !== null
      const request = isDefined ? { address } : { parent: address, type }
      return { change: await startVgpu(kernel, request, how), isDefined }
    },
  }
  return makeMoves(kernel, item, moving, options, journal)
}

async function carryOutMove(
  kernel: Kernel,
  { device: address, wanted, owner }: PlannedVgpu,
  move: Move,
  options: ChangeOptions,
): Promise<void> {
  if (move === 'stop') await stopVgpu(kernel, address, options)
  else if (move === 'undefine') await undefineVgpu(kernel, address, options)
  else if (move === 'start') await startVgpu(kernel, { address }, options)
  else if (move === 'keep owner') await keepOwner(kernel, address, owner, options)
  else if (wanted !== null) {
    const { card } = findVgpuPlace(kernel.files, address)
    // only functions that are there tell the ids of types
    const { type } = chooseVgpuType(kernel.files, card, wanted.type)
    await replaceVgpuDefinition(kernel, { address, parent: card, definition: { ...wanted, type } }, options)
  }
}
