import { VfioError } from '../../errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { PciAddress } from '../../units.ts'
import type { ChangeOptions } from '../change.ts'
import { chooseVgpuType } from '../vgpu/choose-type.ts'
import { replaceVgpuDefinition, undefineVgpu } from '../vgpu/define-vgpu.ts'
import { readVgpuDefinition, type StoredVgpu } from '../vgpu/definitions.ts'
import { findVgpuPlace } from '../vgpu/place.ts'
import { startVgpu } from '../vgpu/start-vgpu.ts'
import { stopVgpu } from '../vgpu/stop-vgpu.ts'
import { keepOwner } from './kept-owner.ts'
import type { Move, PlannedVgpu } from './plan.ts'

/** Carries out what a plan has for one vGPU. Where it does not start, its definition and itself are again what they were. */
export async function carryOutVgpu(kernel: Kernel, item: PlannedVgpu, options: ChangeOptions): Promise<void> {
  const stored = readVgpuDefinition(kernel.files, item.device)
  const made: Move[] = []
  try {
    for (const move of item.moves) {
      await carryOutMove(kernel, item, move, options)
      made.push(move)
    }
  } catch (error) {
    // without the signal: what interrupted it must not keep it from being taken back
    const { signal: _, ...calm } = options
    await takeBack(kernel, item, made, stored, calm, error)
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
  options: ChangeOptions,
  cause: unknown,
): Promise<void> {
  const { device: address, parent, had, storedOwner } = item
  try {
    if (made.includes('keep owner')) await keepOwner(kernel, address, storedOwner, options)
    if (made.includes('define')) {
      if (stored === null) await undefineVgpu(kernel, address, options)
      else await replaceVgpuDefinition(kernel, stored, options)
    }
    if (had !== null) await startAsBefore(kernel, address, had, stored, options)
  } catch (error) {
    const [first, second] = [cause, error].map((it) => (it instanceof Error ? it.message : String(it)))
    const left = had === null ? '' : ` (${address} had type ${had}, and may have none now)`
    throw new VfioError('APPLY_INCOMPLETE', `${first}; and taking it back failed: ${second}${left}`, {
      cause,
      hint: `vfioctl list ${address} shows what is left; the next apply goes on from there`,
      facts: { device: address, parent },
    })
  }
}

/** It was ended for what has failed now. */
async function startAsBefore(
  kernel: Kernel,
  address: PciAddress,
  had: string,
  stored: StoredVgpu | null,
  options: ChangeOptions,
): Promise<void> {
  const again = await startVgpu(kernel, stored === null ? { parent: address, type: had } : { address }, options)
  if (again.type !== had)
    options.said?.(`${address} had type ${had}, and has the one that it is defined with: ${again.type}`)
  else if (stored === null) {
    options.said?.(`${address} has type ${had} again; attributes that it may have had are not known`)
  }
}
