import type { PciAddress } from '../../base/units.ts'
import { findPhysicalFunction, pciPath } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { withLock } from '../files/lock.ts'
import type { GpuModes } from '../settings/gpu-modes.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'
import { withSettingsLock } from '../settings/settings.ts'
import { stepsToFunctions } from '../sriov/functions-plan.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import { endedByModes } from './ended-by-modes.ts'
import { type GpuState, readGpuState } from './gpu-state.ts'
import { keepModes, keepModesSteps, keptModes, mergedModes, modesToKeep } from './keep-modes.ts'
import { afterFunctions, migSteps, migWish, vgpuModeSteps } from './mode-steps.ts'
import { checkModesFree, reachMigMode, reachVgpuModes } from './reach-modes.ts'
import { modesNow, withModesBack } from './take-modes-back.ts'

/** Modes that a GPU of NVIDIA's is to have, now and at every boot. */
export interface GpuModesRequest extends GpuModes {
  /** The card: its PCI address. */
  readonly device: string
}

/** Modes of a GPU, and those that are kept for its boots. */
export interface GpuModesNow extends GpuState {
  readonly device: PciAddress
  /** Null if none are. */
  readonly kept: GpuModes | null
}

/** The change of a card's modes that was made, or with `dryRun` would be. */
export interface GpuModesChange {
  readonly device: PciAddress
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}

/** Modes of a card as nvidia-smi tells them, and those that are kept. Throws as `askSmi`. */
export async function readGpuModes(kernel: Kernel, device: string): Promise<GpuModesNow> {
  const { files } = kernel
  const { address } = findPhysicalFunction(files, device)
  modesToKeep(files, address, {})
  const kept = keptModes(files, address)
  const isKept = Object.keys(kept).length > 0
  return { device: address, ...(await readGpuState(kernel, address)), kept: isKept ? kept : null }
}

/**
 * Gives a GPU modes, and all its virtual functions if it needs them, which are kept too. What was kept of other modes
 * stays. DEVICE_BUSY, before anything is done, if a vGPU runs on it or somebody has one of its functions. What fails is
 * taken back.
 */
export async function setGpuModes(
  kernel: Kernel,
  { device, ...asked }: GpuModesRequest,
  options: ChangeOptions = {},
): Promise<GpuModesChange> {
  const { files } = kernel
  const { address: card } = findPhysicalFunction(files, device)
  const kept = keptModes(files, card)
  const modes = mergedModes(kept, asked)
  modesToKeep(files, card, modes)
  for (const line of endedByModes(files, card, kept, modes)) options.onMessage?.(line)
  const dryRun = options.dryRun === true
  const keeping = keepModesSteps(files, card, modes)
  if (!kernel.runsPrograms) {
    if (!dryRun) await withSettingsLock(kernel, () => keepModes(files, card, modes), options)
    return { device: card, changed: keeping.length > 0, dryRun, steps: keeping }
  }
  const steps = dryRun ? await plannedSteps(kernel, card, modes) : await reachAll(kernel, card, modes, options)
  if (!dryRun && keeping.length > 0) await withSettingsLock(kernel, () => keepModes(files, card, modes), options)
  const all = [...steps, ...keeping]
  return { device: card, changed: all.length > 0, dryRun, steps: all }
}

/** Forgets the modes that are kept for a card, which may be gone; those that it has stay until its next boot. */
export async function forgetGpuModes(
  kernel: Kernel,
  device: PciAddress,
  options: ChangeOptions = {},
): Promise<GpuModesChange> {
  const { files } = kernel
  const path = gpuModeSettings.path(device)
  const dryRun = options.dryRun === true
  const isKept = files.kind(path) !== null
  if (isKept && !dryRun) await withSettingsLock(kernel, () => gpuModeSettings.delete(files, device), options)
  return { device, changed: isKept, dryRun, steps: isKept ? [{ action: 'delete', path }] : [] }
}

function needsFunctions({ heterogeneous, mig = [] }: GpuModes): boolean {
  return heterogeneous === true || mig.length > 0
}

async function plannedSteps(kernel: Kernel, card: PciAddress, modes: GpuModes): Promise<Step[]> {
  const now = findPhysicalFunction(kernel.files, card)
  const { count, total } = now
  const state = await readGpuState(kernel, card)
  const before = migSteps(card, state, migWish(modes), count)
  const isLost = before.length > 0 && count > 0
  const functions = count > 0 || needsFunctions(modes) ? total : 0
  const request = { device: card, count: functions }
  const made = isLost
    ? stepsToFunctions(kernel.files, now, functions, { isDropped: true }).steps
    : (await setVirtualFunctions(kernel, request, { dryRun: true })).steps
  const anew = isLost || made.some(({ action }) => action === 'run')
  const after = functions === 0 ? [] : vgpuModeSteps(card, anew ? afterFunctions(state, modes) : state, modes)
  if (before.length + after.length > 0) checkModesFree(kernel, card)
  return [...before, ...made, ...after]
}

async function reachAll(kernel: Kernel, card: PciAddress, modes: GpuModes, options: ChangeOptions): Promise<Step[]> {
  const locked = <T>(work: () => Promise<T>) => withLock(kernel, pciPath(card), work, options)
  const before = await modesNow(kernel, card)
  try {
    const first = await locked(() => reachMigMode(kernel, card, migWish(modes)))
    const count = before.functions > 0 || needsFunctions(modes) ? 'all' : 0
    if (count === 0) return first
    const { steps } = await setVirtualFunctions(kernel, { device: card, count }, options)
    const last = await locked(() => reachVgpuModes(kernel, card, modes))
    return [...first, ...steps, ...last]
  } catch (error) {
    throw await withModesBack(kernel, card, before, error, options)
  }
}
