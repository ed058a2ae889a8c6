import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import type { Step } from '../change/change.ts'
import type { GpuModes, MigInstances } from '../settings/gpu-modes.ts'
import { manageStep } from '../sriov/sriov-manage.ts'
import type { GpuInstance, GpuState } from './gpu-state.ts'
import { smiStep } from './nvidia-smi.ts'

/** A program that sets a mode. */
export type ModeStep = Extract<Step, { action: 'run' }>

/**
 * The order is the driver's: MIG mode before there are virtual functions, as it does not end while there are any; then
 * sriov-manage, which destroys all GPU instances and ends mixed sizes; then those two; then types
 * (bigstack-oss/cubecos PR 1223 and 1338, RTX PRO 6000 Blackwell, vGPU 19).
 */

/** The MIG mode that modes ask for; null if they do not say. */
export function migWish({ mig }: GpuModes): boolean | null {
  return mig === undefined ? null : mig.length > 0
}

/**
 * The steps to MIG mode, or out of it. With functions there, those go first. NOT_SUPPORTED for a card that has no such
 * mode.
 */
export function migSteps(card: PciAddress, state: GpuState, on: boolean | null, functions: number): ModeStep[] {
  if (on === null) return []
  if (state.mig === null) {
    if (on) throw notSupported(card, 'it has no MIG mode', 'MIG needs A30, A100, H100 or RTX PRO 6000 and their like')
    return []
  }
  if (state.mig.current === on && state.mig.pending === on) return []
  const clearing = functions > 0 ? [manageStep(card, false)] : destroySteps(card, state.instances)
  return [...clearing, smiStep(['-i', card, '-mig', on ? '1' : '0'])]
}

/**
 * The steps to GPU instances or mixed sizes, on a card that is in the MIG mode asked for. `anew`: whatever there are.
 */
export function vgpuModeSteps(card: PciAddress, state: GpuState, modes: GpuModes, anew = false): ModeStep[] {
  return [...instanceSteps(card, state, modes.mig, anew), ...heterogeneousSteps(card, state, modes)]
}

/** The state once sriov-manage has been run, and with the MIG mode that is asked for. */
export function afterFunctions(state: GpuState, modes: GpuModes): GpuState {
  const on = migWish(modes) ?? state.mig?.current === true
  const migMode = state.mig === null ? null : { current: on, pending: on }
  return { ...state, mig: migMode, instances: [], heterogeneous: on || !state.canMixSizes ? null : false }
}

/** True if a card is cut as it should be, whatever the order. */
export function isCutAs(instances: readonly GpuInstance[], wanted: readonly MigInstances[]): boolean {
  const left = [...instances]
  for (const { profile, count } of wanted) {
    for (let n = 0; n < count; n++) {
      const at = left.findIndex((it) => it.profile === profile || String(it.profileId) === profile)
      if (at === -1) return false
      left.splice(at, 1)
    }
  }
  return left.length === 0
}

function instanceSteps(card: PciAddress, { instances }: GpuState, mig: GpuModes['mig'], anew: boolean): ModeStep[] {
  if (mig === undefined || (!anew && isCutAs(instances, mig))) return []
  const list = mig.flatMap(({ profile, count }) => Array.from({ length: count }, () => profile))
  if (list.length === 0) return destroySteps(card, instances)
  return [...destroySteps(card, instances), smiStep(['mig', '-i', card, '-cgi', list.join(','), '-C'])]
}

/** A compute instance is in its GPU instance's way. */
function destroySteps(card: PciAddress, instances: readonly GpuInstance[]): ModeStep[] {
  if (instances.length === 0) return []
  return ['-dci', '-dgi'].map((option) => smiStep(['mig', '-i', card, option]))
}

function heterogeneousSteps(card: PciAddress, state: GpuState, { heterogeneous }: GpuModes): ModeStep[] {
  if (heterogeneous === undefined || state.heterogeneous === heterogeneous) return []
  if (state.heterogeneous === null) {
    if (!heterogeneous) return []
    throw state.mig?.current === true
      ? notSupported(
          card,
          'in MIG mode its sizes are not mixed',
          `vfioctl gpu-mode ${card} --mig off --heterogeneous on`,
        )
      : notSupported(
          card,
          'it cannot mix framebuffer sizes',
          `nvidia-smi -q -i ${card} | grep 'Heterogeneous Time-Slice Sizes'`,
        )
  }
  return [smiStep(['vgpu', '-i', card, '-shm', heterogeneous ? '1' : '0'])]
}

function notSupported(card: PciAddress, why: string, hint: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `cannot set the modes of ${card}: ${why}`, { hint, facts: { card } })
}
