import { asVfioError, withMore } from '../../base/errors.ts'
import { counted } from '../../base/units.ts'
import { pciPath } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { withLock } from '../files/lock.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import type { SriovChange, SriovRequest } from '../sriov/sriov-change.ts'
import { readGpuState } from './gpu-state.ts'
import { keptModes } from './keep-modes.ts'
import { afterFunctions, migWish, vgpuModeSteps } from './mode-steps.ts'
import { reachVgpuModes } from './reach-modes.ts'

/**
 * Virtual functions as `setVirtualFunctions` makes them, with the modes that are kept for their card: sriov-manage ends
 * mixed sizes and destroys GPU instances whenever it makes functions.
 */
export async function setFunctionsWithModes(
  kernel: Kernel,
  request: SriovRequest,
  options: ChangeOptions = {},
): Promise<SriovChange> {
  const change = await setVirtualFunctions(kernel, request, options)
  const { device: card, count, steps } = change
  const modes = keptModes(kernel.files, card)
  const isMade = count > 0 && steps.some(({ action }) => action === 'run')
  if (!isMade || Object.keys(modes).length === 0) return change
  const state = await readGpuState(kernel, card)
  const wish = migWish(modes)
  if (wish !== null && state.mig?.current !== wish) {
    options.onMessage?.(`${card} is not in the MIG mode that is kept for it: vfioctl gpu-mode ${card} shows both`)
    return change
  }
  const more: Step[] = change.dryRun
    ? vgpuModeSteps(card, afterFunctions(state, modes), modes)
    : await withLock(kernel, pciPath(card), () => reachVgpuModes(kernel, card, modes), options).catch((error) => {
        const left = `${card} has its ${counted(count, 'virtual function')}, without the modes that are kept for it`
        throw withMore(asVfioError(error), left, { facts: { count } })
      })
  return { ...change, steps: [...steps, ...more] }
}
