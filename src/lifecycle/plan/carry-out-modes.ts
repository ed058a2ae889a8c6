import { pciPath } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { withLock } from '../files/lock.ts'
import { keepModes } from '../gpu-modes/keep-modes.ts'
import { migWish } from '../gpu-modes/mode-steps.ts'
import { reachMigMode, reachVgpuModes } from '../gpu-modes/reach-modes.ts'
import { type ModesBefore, takeModesBack } from '../gpu-modes/take-modes-back.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'
import { withSettingsLock } from '../settings/settings.ts'
import type { PlannedGpuModes } from '../wanted/plan.ts'
import type { MadeFunctions } from './made-functions.ts'

/** Sets modes of a GPU, as a plan says. `before`: the card before the whole plan, if that is known. */
export async function carryOutModes(
  kernel: Kernel,
  item: PlannedGpuModes,
  before: ModesBefore | null,
  options: ChangeOptions,
): Promise<MadeFunctions> {
  const { files } = kernel
  const { device: card, part, modes } = item
  const stored = gpuModeSettings.readOrNone(files, card)
  if (kernel.runsPrograms) {
    const reach = () =>
      part === 'mig-mode' ? reachMigMode(kernel, card, migWish(modes)) : reachVgpuModes(kernel, card, modes)
    await withLock(kernel, pciPath(card), reach, options)
  }
  if (part === 'vgpu-modes') await withSettingsLock(kernel, () => keepModes(files, card, modes), options)
  return {
    item,
    async takeBack(how) {
      if (before !== null) return takeModesBack(kernel, card, before, how)
      const restore = () =>
        stored === null ? gpuModeSettings.delete(files, card) : gpuModeSettings.save(files, card, stored)
      await withSettingsLock(kernel, restore, how)
    },
  }
}
