import { asVfioError, kernelAnswer, withMore } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { withLock } from '../files/lock.ts'
import type { GpuModes, KeptGpuModes } from '../settings/gpu-modes.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'
import { withSettingsLock } from '../settings/settings.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import { type KeptNumber, sriovSettings } from '../sriov/sriov-settings.ts'
import { readGpuState } from './gpu-state.ts'
import { reachMigMode, reachVgpuModes, unmarkHalfCut } from './reach-modes.ts'

/** Modes of a card, its functions, and what is kept of both, before the first step of a change. */
export interface ModesBefore {
  /** MIG mode is on; null if the card has none. */
  readonly migOn: boolean | null
  /** The GPU instances, also in MIG mode without any, and the mode of sizes. */
  readonly modes: GpuModes
  readonly functions: number
  /** The host's drivers may have functions; null if the kernel does not say. */
  readonly autoprobe: boolean | null
  readonly keptModes: KeptGpuModes | null
  readonly keptNumber: KeptNumber | null
}

/** Those of now. Read once for a whole change: what it has made half is nobody's wish. */
export async function modesNow(kernel: Kernel, card: PciAddress): Promise<ModesBefore> {
  const { files } = kernel
  const { count = 0, autoprobe = null } = readPhysicalFunction(files, card) ?? {}
  const { mig, instances, heterogeneous } = await readGpuState(kernel, card)
  const modes = {
    ...(mig?.current === true ? { mig: instances.map(({ profile }) => ({ profile, count: 1 })) } : {}),
    ...(heterogeneous === null ? {} : { heterogeneous }),
  }
  const kept = {
    keptModes: gpuModeSettings.readOrNone(files, card),
    keptNumber: sriovSettings.readOrNone(files, card),
  }
  return { migOn: mig?.current ?? null, modes, functions: count, autoprobe, ...kept }
}

/** Gives a card the modes and functions that it had, and what was kept of them for its boots. */
export async function takeModesBack(
  kernel: Kernel,
  card: PciAddress,
  { migOn, modes, functions, autoprobe, keptModes, keptNumber }: ModesBefore,
  { signal: _, ...options }: ChangeOptions,
): Promise<void> {
  const { files } = kernel
  const keepAsBefore = () => {
    if (keptModes === null) gpuModeSettings.delete(files, card)
    else gpuModeSettings.save(files, card, keptModes)
    if (keptNumber === null) sriovSettings.delete(files, card)
    else sriovSettings.save(files, card, keptNumber)
  }
  await withSettingsLock(kernel, keepAsBefore, options)
  const locked = (work: () => Promise<unknown>) => withLock(kernel, pciPath(card), work, options)
  await locked(() => reachMigMode(kernel, card, migOn))
  const probing = autoprobe === null ? {} : { autoprobe }
  await setVirtualFunctions(kernel, { device: card, count: functions, ...probing, transient: true }, options)
  if (functions > 0) await locked(() => reachVgpuModes(kernel, card, modes))
  else unmarkHalfCut(kernel, card)
}

/** The error, with what was taken back after it. */
export async function withModesBack(
  kernel: Kernel,
  card: PciAddress,
  before: ModesBefore,
  error: unknown,
  options: ChangeOptions,
): Promise<unknown> {
  try {
    await takeModesBack(kernel, card, before, options)
  } catch (failure) {
    return withMore(asVfioError(error), `and taking ${card} back to its modes failed: ${kernelAnswer(failure)}`)
  }
  return withMore(asVfioError(error), `${card} has the modes and functions that it had before`)
}
