import type { PciAddress } from '../../base/units.ts'
import { findPhysicalFunction, type PhysicalFunction, pciPath } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { checkedCount, isManaged } from './asked-count.ts'
import { isKeptForCard, keepSteps } from './kept-number.ts'
import { driverBackSteps, manageStep } from './sriov-manage.ts'
import { sriovSettings } from './sriov-settings.ts'

/** A write, or NVIDIA's script. */
export type FunctionsStep = Extract<Step, { action: 'write' | 'run' }>

/** The steps that give a card so many virtual functions. */
export interface FunctionsPlan {
  readonly card: PhysicalFunction
  readonly count: number
  /** Now. */
  readonly steps: readonly FunctionsStep[]
  /** For the next boots. */
  readonly keeping: readonly Step[]
  /** The number to keep as made, of so many that came; null if nothing is kept. */
  readonly toKeep: (made: number) => number | null
}

/** Throws as `findPhysicalFunction` and `checkedCount`. `transient`: what is kept for later boots stays as it is. */
export function planFunctions(
  { files, runsPrograms }: Pick<Kernel, 'files' | 'runsPrograms'>,
  address: PciAddress,
  asked: number | 'all',
  transient: boolean,
): FunctionsPlan {
  const card = findPhysicalFunction(files, address)
  const count = checkedCount(files, card, asked)
  const now = functionsSteps(files, card, count)
  if (transient) return { card, count, steps: now, keeping: [], toKeep: () => null }
  const keeping = keepSteps(files, address, count)
  // a host below another root runs no programs of NVIDIA's: it has them at its own next boot
  if (!runsPrograms && now.some(({ action }) => action === 'run')) {
    return { card, count, steps: [], keeping, toKeep: () => (keeping.length === 0 ? null : count) }
  }
  const isChange = (made: number) => keeping.length > 0 || (now.length > 0 && made !== count)
  return { card, count, steps: now, keeping, toKeep: (made) => (isChange(made) ? made : null) }
}

/** None if the card has as many. One whose change was killed half way begins anew, with its driver and no functions. */
export function functionsSteps(files: HostFiles, card: PhysicalFunction, count: number): FunctionsStep[] {
  const { address } = card
  if (isHalfConfigured(files, address)) {
    const enable = count > 0 ? [manageStep(address, true)] : []
    return [...driverBackSteps(files, address), manageStep(address, false), ...enable]
  }
  if (card.count === count || isAllThatComes(files, card, count)) return []
  // the kernel goes from one number to another only by way of none
  const counts = card.count > 0 && count > 0 ? [0, count] : [count]
  if (isManaged(files, card)) return counts.map((each) => manageStep(address, each > 0))
  const path = `${pciPath(address)}/sriov_numvfs`
  return counts.map((each) => ({ action: 'write', path, value: String(each) }))
}

/** Asking again would end those that there are, for the same ones. */
function isAllThatComes(files: HostFiles, { address, count: now }: PhysicalFunction, count: number): boolean {
  if (now === 0 || count === 0) return false
  const stored = sriovSettings.read(files, address)
  return stored?.count === count && stored.made === now && isKeptForCard(files, address, stored)
}
