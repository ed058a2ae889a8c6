import { asVfioError, kernelAnswer, withMore } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { withLock } from '../files/lock.ts'
import type { GpuModes } from '../settings/gpu-modes.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import { readGpuState } from './gpu-state.ts'
import { reachMigMode, reachVgpuModes } from './reach-modes.ts'

/** Modes of a card and the number of its functions, before a change. */
export interface ModesBefore {
  /** MIG mode is on; null if the card has none. */
  readonly migOn: boolean | null
  /** The GPU instances, also in MIG mode without any, and the mode of sizes. */
  readonly modes: GpuModes
  readonly functions: number
}

/** Those of now. */
export async function modesNow(kernel: Kernel, card: PciAddress): Promise<ModesBefore> {
  const functions = readPhysicalFunction(kernel.files, card)?.count ?? 0
  const { mig, instances, heterogeneous } = await readGpuState(kernel, card)
  const modes = {
    ...(mig?.current === true ? { mig: instances.map(({ profile }) => ({ profile, count: 1 })) } : {}),
    ...(heterogeneous === null ? {} : { heterogeneous }),
  }
  return { migOn: mig?.current ?? null, modes, functions }
}

/** Gives a card the modes and functions that it had. */
export async function takeModesBack(
  kernel: Kernel,
  card: PciAddress,
  { migOn, modes, functions }: ModesBefore,
  { signal: _, ...options }: ChangeOptions,
): Promise<void> {
  const locked = (work: () => Promise<unknown>) => withLock(kernel, pciPath(card), work, options)
  await locked(() => reachMigMode(kernel, card, migOn))
  await setVirtualFunctions(kernel, { device: card, count: functions, transient: true }, options)
  if (functions > 0) await locked(() => reachVgpuModes(kernel, card, modes))
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
