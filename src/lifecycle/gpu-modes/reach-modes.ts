import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { findPhysicalFunction, pciPath } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { withKernelLog } from '../change/kernel-log.ts'
import { isHalfConfigured, markHalfConfigured, unmarkHalfConfigured } from '../device/half-configured.ts'
import type { GpuModes } from '../settings/gpu-modes.ts'
import { checkFunctionsUnused } from '../sriov/check-unused.ts'
import { manageSriov, recoverySteps } from '../sriov/sriov-manage.ts'
import { type GpuState, readGpuState } from './gpu-state.ts'
import { isCutAs, type ModeStep, migSteps, vgpuModeSteps } from './mode-steps.ts'
import { askSmi, askSmiOrNone } from './nvidia-smi.ts'

/**
 * Under the lock of the card: brings it into MIG mode or out of it, without its functions. Returns the programs that it
 * ran.
 */
export async function reachMigMode(kernel: Kernel, card: PciAddress, on: boolean | null): Promise<ModeStep[]> {
  if (on === null) return []
  await endHalfMade(kernel, card)
  const { count } = findPhysicalFunction(kernel.files, card)
  const steps = migSteps(card, await readGpuState(kernel, card), on, count)
  if (steps.length === 0) return []
  checkModesFree(kernel, card)
  await runAll(kernel, card, steps)
  checkMigMode(card, await readGpuState(kernel, card), on)
  return steps
}

/**
 * Under the lock of the card, which has its functions: GPU instances, and mixed sizes. Returns the programs that it
 * ran.
 */
export async function reachVgpuModes(kernel: Kernel, card: PciAddress, modes: GpuModes): Promise<ModeStep[]> {
  const { files } = kernel
  const steps = vgpuModeSteps(card, await readGpuState(kernel, card), modes, isHalfCut(kernel, card))
  if (steps.length === 0) {
    unmarkHalfConfigured(files, cutMark(card))
    return []
  }
  checkModesFree(kernel, card)
  markHalfConfigured(files, cutMark(card))
  await runAll(kernel, card, steps)
  checkVgpuModes(card, await readGpuState(kernel, card), modes)
  unmarkHalfConfigured(files, cutMark(card))
  return steps
}

/**
 * True if whoever cut the card was killed, or failed: GPU instances without their compute instances look like others.
 */
export function isHalfCut({ files }: Pick<Kernel, 'files'>, card: PciAddress): boolean {
  return isHalfConfigured(files, cutMark(card))
}

/** Without functions, there is nothing left of what whoever cut the card has made. */
export function unmarkHalfCut({ files }: Pick<Kernel, 'files'>, card: PciAddress): void {
  unmarkHalfConfigured(files, cutMark(card))
}

function cutMark(card: PciAddress): string {
  return `${card}-modes`
}

/** DEVICE_BUSY if a vGPU runs on the card, or somebody has one of its functions. */
export function checkModesFree(kernel: Kernel, card: PciAddress): void {
  checkFunctionsUnused(kernel, findPhysicalFunction(kernel.files, card), 'modes')
}

/** A card that sriov-manage was killed on is without its driver, which alone tells modes. */
async function endHalfMade(kernel: Kernel, card: PciAddress): Promise<void> {
  const { files } = kernel
  if (!isHalfConfigured(files, card)) return
  for (const { path, value } of recoverySteps(files, card)) await files.write(path, value)
  await manageSriov(kernel, card, false)
}

async function runAll(kernel: Kernel, card: PciAddress, steps: readonly ModeStep[]): Promise<void> {
  const subject = { name: card, card: pciPath(card) }
  for (const { path, arguments: words } of steps) {
    await withKernelLog(kernel, subject, async () => {
      if (path.endsWith('/sriov-manage')) await manageSriov(kernel, card, words[0] === '-e')
      // none may be left of a change that was killed
      else if (words.includes('-dci')) await askSmiOrNone(kernel, card, words)
      else await askSmi(kernel, card, words)
    })
  }
}

/** nvidia-smi ends well, with a warning, if a mode has to wait for whatever uses the card. */
function checkMigMode(card: PciAddress, { mig }: GpuState, on: boolean): void {
  if (mig?.current === on && mig.pending === on) return
  const word = on ? 'enabled' : 'disabled'
  const waits = mig?.pending === on
  throw new VfioError(
    waits ? 'DEVICE_BUSY' : 'SYSTEM_CALL_FAILED',
    `MIG mode of ${card} is ${waits ? `to be ${word}, and waits for whatever uses the card` : `not ${word}, though nvidia-smi ended well`}`,
    {
      hint: `fuser -v /dev/nvidia*; stop what it shows (dcgm, nvidia-persistenced and their like), or reset the card: nvidia-smi -i ${card} --gpu-reset`,
      facts: { card },
    },
  )
}

function checkVgpuModes(card: PciAddress, state: GpuState, { heterogeneous, mig = [] }: GpuModes): void {
  const wrong = !isCutAs(state.instances, mig)
    ? `has the GPU instances ${state.instances.map(({ profile }) => profile).join(', ') || 'none'}`
    : heterogeneous === true && state.heterogeneous !== true
      ? 'does not mix sizes'
      : heterogeneous === false && state.heterogeneous === true
        ? 'still mixes sizes'
        : null
  if (wrong === null) return
  throw new VfioError('SYSTEM_CALL_FAILED', `${card} ${wrong}, though nvidia-smi ended well`, {
    hint: `nvidia-smi mig -i ${card} -lgi; nvidia-smi -q -i ${card}; dmesg | tail`,
    facts: { card },
  })
}
