import { VfioError } from '../../errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change.ts'
import { chooseVgpuType } from '../vgpu/choose-type.ts'
import { replaceVgpuDefinition, undefineVgpu } from '../vgpu/define-vgpu.ts'
import { readVgpuDefinition, type StoredVgpu } from '../vgpu/definitions.ts'
import { findVgpuPlace } from '../vgpu/place.ts'
import { startVgpu } from '../vgpu/start-vgpu.ts'
import { stopVgpu } from '../vgpu/stop-vgpu.ts'
import { keepOwner } from './kept-owner.ts'
import type { Move, PlannedVgpu } from './plan.ts'

/** Carries out what a plan has for one vGPU. Where it does not start, its definition is again what it was. */
export async function carryOutVgpu(kernel: Kernel, item: PlannedVgpu, options: ChangeOptions): Promise<void> {
  const stored = readVgpuDefinition(kernel.files, item.device)
  const made: Move[] = []
  try {
    for (const move of item.moves) {
      await carryOutMove(kernel, item, move, options)
      made.push(move)
    }
  } catch (error) {
    await takeBack(kernel, item, made, stored, error)
    throw error
  }
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

async function takeBack(
  kernel: Kernel,
  item: PlannedVgpu,
  made: readonly Move[],
  stored: StoredVgpu | null,
  cause: unknown,
): Promise<void> {
  try {
    if (made.includes('keep owner')) await keepOwner(kernel, item.device, item.storedOwner, {})
    if (!made.includes('define')) return
    if (stored === null) await undefineVgpu(kernel, item.device)
    else await replaceVgpuDefinition(kernel, stored)
  } catch (error) {
    const [first, second] = [cause, error].map((it) => (it instanceof Error ? it.message : String(it)))
    throw new VfioError('APPLY_INCOMPLETE', `${first}; and taking it back failed: ${second}`, {
      cause,
      hint: `vfioctl list ${item.device} shows what is left; the next apply goes on from there`,
      facts: { device: item.device, parent: item.parent },
    })
  }
}
