import type { Kernel } from '../../../kernel/kernel.ts'
import type { ChangeOptions } from '../../change/change.ts'
import { type MadeMoves, makeMoves } from '../../wanted/make-moves.ts'
import { keepOwner } from '../../wanted/owner-setting.ts'
import type { Move, Running } from '../../wanted/plan.ts'
import { carryOutMdev } from '../mdev/plan-carry-out.ts'
import { chooseVgpuType } from './choose-type.ts'
import { replaceVgpuDefinition, undefineVgpu } from './define-vgpu.ts'
import { readVgpuDefinition } from './definitions.ts'
import { findVgpuPlace } from './place.ts'
import { startVgpu } from './start-vgpu.ts'
import { stopVgpu } from './stop-vgpu.ts'
import { turnedOutMdev } from './turned-out-mdev.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import type { PlannedVgpu } from './vgpu-identity.ts'

/** Carries out what a plan has for one vGPU: as a mediated device if its function has come as a parent of those. */
export async function carryOutVgpu(
  kernel: Kernel,
  item: PlannedVgpu,
  options: ChangeOptions,
  journal: MadeMoves[],
): Promise<void> {
  const { files } = kernel
  const { name: address } = item
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
  { name: address, wanted, owner }: PlannedVgpu,
  move: Move,
  options: ChangeOptions,
): Promise<void> {
  if (move === 'stop') await stopVgpu(kernel, address, options)
  else if (move === 'undefine') await undefineVgpu(kernel, address, options)
  else if (move === 'start') await startVgpu(kernel, { address }, options)
  else if (move === 'keep-owner') await keepOwner(kernel, address, owner, options)
  else if (wanted !== null) {
    const { card } = findVgpuPlace(kernel.files, address)
    // only functions that are there tell the ids of types
    const { type } = chooseVgpuType(kernel.files, card, wanted.type)
    await replaceVgpuDefinition(kernel, { address, parent: card, definition: { ...wanted, type } }, options)
  }
}
