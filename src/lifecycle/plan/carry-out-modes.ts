import { pciPath } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { withLock } from '../files/lock.ts'
import { keepModes } from '../gpu-modes/keep-modes.ts'
import { migWish } from '../gpu-modes/mode-steps.ts'
import { reachMigMode, reachVgpuModes } from '../gpu-modes/reach-modes.ts'
import { modesNow, takeModesBack, withModesBack } from '../gpu-modes/take-modes-back.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'
import { withSettingsLock } from '../settings/settings.ts'
import type { PlannedGpuModes } from '../wanted/plan.ts'
import type { MadeFunctions } from './made-functions.ts'

/** Sets modes of a GPU, as a plan says. What fails is taken back. */
export async function carryOutModes(
  kernel: Kernel,
  item: PlannedGpuModes,
  options: ChangeOptions,
): Promise<MadeFunctions> {
  const { files } = kernel
  const { device: card, part, modes, steps } = item
  const stored = gpuModeSettings.readOrNone(files, card)
  const isHalf = steps.length === 0
  const before = kernel.runsPrograms && !isHalf ? await modesNow(kernel, card) : null
  const locked = (work: () => Promise<unknown>) => withLock(kernel, pciPath(card), work, options)
  if (kernel.runsPrograms) {
    try {
      await locked(() =>
        part === 'mig-mode' ? reachMigMode(kernel, card, migWish(modes)) : reachVgpuModes(kernel, card, modes),
      )
    } catch (error) {
      throw before === null ? error : await withModesBack(kernel, card, before, error, options)
    }
  }
  if (part === 'vgpu-modes') await withSettingsLock(kernel, () => keepModes(files, card, modes), options)
  return {
    item,
    async takeBack(how) {
      if (before !== null) await takeModesBack(kernel, card, before, how)
      const restore = () =>
        stored === null ? gpuModeSettings.delete(files, card) : gpuModeSettings.save(files, card, stored)
      await withSettingsLock(kernel, restore, how)
    },
  }
}
