import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { findPhysicalFunction, type PhysicalFunction, pciPath } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Step, Write } from '../change/change.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { kinds } from '../kinds/kinds.ts'
import { checkedCount, isManaged } from './asked-count.ts'
import { isKeptForCard, keepSteps, keptAutoprobe } from './kept-number.ts'
import type { SriovRequest } from './sriov-change.ts'
import { manageStep, recoverySteps } from './sriov-manage.ts'
import { sriovSettings } from './sriov-settings.ts'

/** A write, or NVIDIA's script. */
export type FunctionsStep = Extract<Step, { action: 'write' | 'run' }>

/** The steps that give a card so many virtual functions. */
export interface FunctionsPlan {
  readonly card: PhysicalFunction
  readonly count: number
  /** Now, in order. */
  readonly steps: readonly FunctionsStep[]
  /** The functions that are there go, and come anew as far as they are asked for. */
  readonly makesAnew: boolean
  /** For the next boots. */
  readonly keeping: readonly Step[]
  /** The number to keep as made, of so many that came; null if nothing is kept. */
  readonly toKeep: (made: number) => number | null
}

/**
 * Throws as `findPhysicalFunction` and `checkedCount`, and NOT_SUPPORTED for `autoprobe` of a kernel that has no such
 * file. `transient`: what is kept for later boots stays as it is.
 */
export function planFunctions(
  { files, runsPrograms }: Pick<Kernel, 'files' | 'runsPrograms'>,
  address: PciAddress,
  { count: asked, autoprobe, transient = false }: Omit<SriovRequest, 'device'>,
): FunctionsPlan {
  const card = findPhysicalFunction(files, address)
  const count = checkedCount(files, card, asked)
  const { making, steps: now } = stepsToFunctions(files, card, count, { autoprobe })
  const makesAnew = making.length > 0
  if (transient) return { card, count, steps: now, makesAnew, keeping: [], toKeep: () => null }
  const keeping = keepSteps(files, address, count, autoprobe)
  // a host below another root runs no programs of NVIDIA's: it has them at its own next boot
  if (!runsPrograms && now.some(({ action }) => action === 'run')) {
    return { card, count, steps: [], makesAnew: false, keeping, toKeep: () => (keeping.length === 0 ? null : count) }
  }
  const isChange = (made: number) => keeping.length > 0 || (now.length > 0 && made !== count)
  return { card, count, steps: now, makesAnew, keeping, toKeep: (made) => (isChange(made) ? made : null) }
}

/** The steps of now that give a card so many functions, with drivers or without. */
export interface StepsToFunctions {
  readonly making: readonly FunctionsStep[]
  readonly probing: readonly FunctionsStep[]
  /** Both, in order: drivers are kept off before functions come, and again after sriov-manage, which ends that. */
  readonly steps: readonly FunctionsStep[]
}

/** `isDropped`: sriov-manage takes the functions that are there before, for another mode of the card. */
export function stepsToFunctions(
  files: HostFiles,
  card: PhysicalFunction,
  count: number,
  {
    autoprobe,
    isDropped = false,
    before,
  }: { readonly autoprobe?: boolean | undefined; readonly isDropped?: boolean; readonly before?: WritesBefore },
): StepsToFunctions {
  const from = isDropped ? { ...card, count: 0, functions: [] } : card
  const making = functionsSteps(files, from, count, before)
  const isManaging = isDropped || making.some(({ action }) => action === 'run')
  const probing = autoprobeSteps(
    files,
    isManaging && card.autoprobe !== null ? { ...card, autoprobe: true } : card,
    autoprobe,
  )
  return { making, probing, steps: isManaging ? [...making, ...probing] : [...probing, ...making] }
}

/** The write that keeps the host's drivers from functions that come, or lets them have them; none if it is so. */
function autoprobeSteps(
  files: HostFiles,
  { address, autoprobe: now }: PhysicalFunction,
  asked: boolean | undefined,
): FunctionsStep[] {
  const wanted = asked ?? keptAutoprobe(files, address)
  if (wanted === undefined || wanted === now) return []
  const path = `${pciPath(address)}/sriov_drivers_autoprobe`
  if (now !== null) return [{ action: 'write', path, value: wanted ? '1' : '0' }]
  throw new VfioError(
    'NOT_SUPPORTED',
    `this kernel does not keep drivers from virtual functions: there is no ${path}`,
    {
      path,
      hint: 'Linux has it since 4.12; leave autoprobe out',
      facts: { device: address },
    },
  )
}

/** Finds the writes that a card wants before it makes so many functions. */
export type WritesBefore = (files: HostFiles, card: PhysicalFunction, count: number) => readonly Write[]

const definedBefore: WritesBefore = (files, card, count) =>
  kinds.flatMap((kind) => kind.writesBeforeFunctions(files, card, count))

/** None if the card has as many. One whose change was killed half way begins anew, with its driver and no functions. */
export function functionsSteps(
  files: HostFiles,
  card: PhysicalFunction,
  count: number,
  before: WritesBefore = definedBefore,
): FunctionsStep[] {
  const { address } = card
  if (isHalfConfigured(files, address)) {
    const enable = count > 0 ? [manageStep(address, true)] : []
    return [...recoverySteps(files, address), manageStep(address, false), ...enable]
  }
  if (card.count === count || isAllThatComes(files, card, count)) return []
  // the kernel goes from one number to another only by way of none
  const counts = card.count > 0 && count > 0 ? [0, count] : [count]
  if (isManaged(files, card)) return counts.map((each) => manageStep(address, each > 0))
  const path = `${pciPath(address)}/sriov_numvfs`
  return counts.flatMap((each) => [
    ...(each === 0 ? [] : before(files, card, each)),
    { action: 'write', path, value: String(each) },
  ])
}

/** Asking again would end those that there are, for the same ones. */
function isAllThatComes(files: HostFiles, { address, count: now }: PhysicalFunction, count: number): boolean {
  if (now === 0 || count === 0) return false
  const stored = sriovSettings.read(files, address)
  return stored?.count === count && stored.made === now && isKeptForCard(files, address, stored)
}
