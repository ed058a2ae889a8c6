import { asVfioError, kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import { counted, type PciAddress } from '../../base/units.ts'
import { shownUsers } from '../../host/device-users.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { withSharedKernelLog } from '../change/kernel-log.ts'
import { withModesBack } from '../gpu-modes/take-modes-back.ts'
import { someEnds } from '../in-use/pci-use.ts'
import { planningOf } from '../kinds/plannings.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import { isPlannedDevice, itemName, itemsOf, type Plan, type PlanItem, type PlannedSriov } from '../wanted/plan.ts'
import { isNoRoom, takeAllBack } from '../wanted/run-verbs.ts'
import { bindPlanned } from './bind-planned.ts'
import { type CardGroup, CardGroups } from './card-groups.ts'
import { CardsBefore, isOfCard } from './cards-before.ts'
import { carryOutModes } from './carry-out-modes.ts'
import { carryOutSriov, type MadeFunctions } from './made-functions.ts'
import { checkRoom, noRoom } from './room.ts'

/** Options for carrying out a plan. */
export interface ApplyOptions extends ChangeOptions {
  /** Only find out whether it can end well: what would be done is in `remaining`. The exact writes are in the plan. */
  readonly dryRun?: boolean
  /** Go on with the other devices if one fails; otherwise the first failure is the end. */
  readonly keepGoing?: boolean
  /** Called when a device is begun. */
  readonly onProgress?: (item: PlanItem, done: number, total: number) => void
}

/** The outcome of carrying out a plan. */
export interface Applied {
  readonly done: readonly PlanItem[]
  readonly failed: readonly { readonly entry: PlanItem; readonly error: unknown }[]
  /** The changes that were made and taken back, as their card had no room for all. */
  readonly takenBack: readonly PlanItem[]
  /** The changes that were not begun. */
  readonly remaining: readonly PlanItem[]
}

/**
 * Carries out a plan, device by device, drivers first. What would take a device from whoever uses it is DEVICE_BUSY,
 * and what has no room on its card NO_INSTANCE_LEFT, before anything is done. A device whose change fails is taken back
 * to what it was; if a card turns out to have no room for one, all that was done on that card is.
 */
export async function applyPlan(kernel: Kernel, plan: Plan, options: ApplyOptions = {}): Promise<Applied> {
  const items = itemsOf(plan).filter(({ action }) => action !== 'keep')
  if (options.keepGoing !== true) checkCanEndWell(plan)
  if (options.dryRun === true) return { done: [], failed: [], takenBack: [], remaining: items }
  return withSharedKernelLog(kernel, () => new Applying(kernel, plan, items, options).run())
}

/** NO_INSTANCE_LEFT or DEVICE_BUSY if carrying it out would stop somewhere: nothing is done then. */
function checkCanEndWell(plan: Plan): void {
  checkRoom(plan)
  const busy = itemsOf(plan).filter(isBusy)
  if (busy.length > 0) throw busyDevices('nothing is done', busy)
}

class Applying {
  readonly #kernel: Kernel
  readonly #path: string
  readonly #items: readonly PlanItem[]
  readonly #options: ApplyOptions
  readonly #groups: CardGroups
  readonly #cards: CardsBefore
  /** Cards that got their modes of before again. */
  readonly #over = new Set<string>()
  readonly #done = new Set<PlanItem>()
  readonly #failed: { entry: PlanItem; error: unknown }[] = []
  readonly #takenBack: PlanItem[] = []
  readonly #skipped: PlanItem[] = []

  constructor(kernel: Kernel, plan: Plan, items: readonly PlanItem[], options: ApplyOptions) {
    this.#kernel = kernel
    this.#path = plan.path
    this.#items = items
    this.#options = options
    this.#groups = new CardGroups(kernel.files, items, plan.noRoom)
    this.#cards = new CardsBefore(kernel, items)
  }

  async run(): Promise<Applied> {
    const { signal, keepGoing, onProgress } = this.#options
    for (const [i, item] of this.#items.entries()) {
      const group = this.#groups.of(item)
      if (group?.isOver === true || (isOfCard(item) && this.#over.has(item.device))) {
        this.#skipped.push(item)
        continue
      }
      onProgress?.(item, i, this.#items.length)
      try {
        if (signal?.aborted === true) throw new VfioError('INTERRUPTED', 'interrupted between two devices')
        const [first, ...others] = group?.noRoom ?? []
        if (first !== undefined) throw noRoom(this.#path, [first, ...others], 'it is left as it is')
        if (isBusy(item)) throw busyDevices('it is left as it is', [item])
        await this.#carryOut(item, group)
        this.#done.add(item)
      } catch (error) {
        this.#failed.push({ entry: item, error: await this.#afterTakingBack(error, item, group) })
        const isEnd = keepGoing !== true || signal?.aborted === true
        if (isEnd) return this.#applied(this.#items.slice(i + 1))
      }
    }
    return this.#applied([])
  }

  #applied(rest: readonly PlanItem[]): Applied {
    return {
      done: [...this.#done],
      failed: this.#failed,
      takenBack: this.#takenBack,
      remaining: [...this.#skipped, ...rest],
    }
  }

  async #carryOut(item: PlanItem, group: CardGroup | null): Promise<void> {
    const options = this.#options
    const kernel = this.#kernel
    if (isPlannedDevice(item)) {
      await planningOf(item).carryOut(kernel, item, options, group?.journal ?? [])
    } else if (item.kind === 'binding') {
      await bindPlanned(kernel, item, options)
    } else if (item.kind === 'gpu-modes') {
      await this.#cards.read(item)
      const made = await carryOutModes(kernel, item, this.#cards.of(item.device), options)
      this.#groups.ofCard(item.device)?.functions.push(made)
    } else {
      await this.#cards.read(item)
      const made = await carryOutSriov(kernel, item, options)
      if (item.makesAnew) this.#groups.ofCard(item.device)?.functions.push(made)
    }
  }

  /** Brings back what had to go, if there was no room or functions are not what was asked for. Returns the error. */
  async #afterTakingBack(error: unknown, item: PlanItem, group: CardGroup | null): Promise<unknown> {
    if (isOfCard(item) && this.#cards.of(item.device) !== null) return this.#afterNoModes(error, item.device)
    if (!isPlannedDevice(item) && item.kind === 'sriov' && isNoRoom(error)) return this.#afterNoFunctions(error, item)
    if (group === null || !isUnforeseen(error, group)) return error
    const { journal, functions } = group
    if (journal.length + functions.length === 0) return error
    const hasStopped = journal.some(({ done: made }) => made.includes('stop'))
    if (this.#options.keepGoing === true && !hasStopped) {
      const failures = isNoRoom(error) ? await takeAllBack(this.#kernel, journal.splice(-1), this.#options) : []
      return failures.length === 0 ? error : takingBackFailed(error, failures)
    }
    const failures = await takeAllBack(this.#kernel, journal, this.#options)
    for (const { planned } of journal) this.#isTakenBack(planned)
    group.isOver = true
    const numbers = failures.length > 0 ? '' : await this.#takeFunctionsBack(functions, failures)
    const cards = [...group.cards].join(' and ')
    if (failures.length === 0) return withMore(error, `${cards} is taken back to what it was${numbers}`)
    return takingBackFailed(error, failures)
  }

  /** Of a card that cannot give what is defined for its functions: the definitions and functions are as before. */
  async #afterNoFunctions(error: VfioError, { device, before }: PlannedSriov): Promise<unknown> {
    const group = this.#groups.ofCard(device)
    if (group === null) return error
    const { signal: _, ...calm } = this.#options
    const failures: unknown[] = []
    const attempt = (work: Promise<unknown>) => work.catch((failure: unknown) => void failures.push(failure))
    for (const { runner } of group.journal) await attempt(runner.defineAsBefore(calm))
    // those that are there may have been made with the shares that are not to be
    for (const count of [0, before]) {
      await attempt(setVirtualFunctions(this.#kernel, { device, count, transient: true }, calm))
    }
    failures.push(...(await takeAllBack(this.#kernel, group.journal, this.#options)))
    for (const { planned } of group.journal) this.#isTakenBack(planned)
    group.isOver = true
    return failures.length === 0
      ? withMore(error, `${device} is taken back to what it was`)
      : takingBackFailed(error, failures)
  }

  /**
   * Of a card whose modes cannot be as asked: they, its functions, and what is defined of those, are as before the
   * plan.
   */
  async #afterNoModes(error: unknown, card: PciAddress): Promise<unknown> {
    const before = this.#cards.of(card)
    if (before === null) return error
    this.#over.add(card)
    const told = await withModesBack(this.#kernel, card, before, error, this.#options)
    for (const item of this.#done) if (isOfCard(item) && item.device === card) this.#isTakenBack(item)
    const group = this.#groups.ofCard(card)
    if (group === null) return told
    const failures = await takeAllBack(this.#kernel, group.journal, this.#options)
    for (const { planned } of group.journal) this.#isTakenBack(planned)
    group.isOver = true
    return failures.length === 0 ? told : takingBackFailed(asVfioError(told), failures)
  }

  #isTakenBack(item: PlanItem): void {
    if (this.#done.delete(item)) this.#takenBack.push(item)
  }

  /** Those that have got another driver by the same file stay. Returns what is then, in words. */
  async #takeFunctionsBack(made: readonly MadeFunctions[], failures: unknown[]): Promise<string> {
    const { signal: _, ...calm } = this.#options
    const isBound = [...this.#done].some((item) => 'afterSriov' in item && item.afterSriov)
    const words: string[] = []
    for (const { item, takeBack } of made) {
      const { device } = item
      if (item.kind === 'sriov') words.push(`, with ${counted(isBound ? item.count : item.before, 'virtual function')}`)
      if (isBound) continue
      await takeBack(calm).then(
        () => this.#isTakenBack(item),
        (error) =>
          failures.push(new VfioError('APPLY_INCOMPLETE', `${device}: ${kernelAnswer(error)}`, { cause: error })),
      )
    }
    return words.join('')
  }
}

/** True if a plan cannot know it: the room of a card, or what a driver makes of functions that were to come. */
function isUnforeseen(error: unknown, { functions }: CardGroup): error is VfioError {
  if (isNoRoom(error)) return true
  return (
    functions.length > 0 &&
    error instanceof VfioError &&
    ['NOT_FOUND', 'AMBIGUOUS', 'NOT_SUPPORTED'].includes(error.code)
  )
}

function takingBackFailed(error: VfioError, failures: readonly unknown[]): VfioError {
  return withMore(error, `and taking it back failed: ${failures.map(kernelAnswer).join('; ')}`, {
    code: 'APPLY_INCOMPLETE',
    hint: 'vfioctl list shows what is left; the next apply goes on from there',
  })
}

function isBusy(item: PlanItem): boolean {
  return 'uses' in item ? item.uses.length > 0 : item.users.length > 0
}

function busyDevices(outcome: string, items: readonly PlanItem[]): VfioError {
  // functions and modes of one card have the same uses
  const list = new Set(
    items.map((item) => {
      const why = 'uses' in item ? `is in use: ${item.uses.join(', ')}` : `is held by ${shownUsers(item.users)}`
      return `${itemName(item)} (to ${item.action}) ${why}`
    }),
  )
  const ends = new Set(
    items.flatMap((item) => {
      return 'uses' in item ? item.ends : 'shut down the virtual machine, or end the process, that has it open'
    }),
  )
  const first = ends.size === 0 ? 'end that use first' : `end that use first (${someEnds([...ends])})`
  return new VfioError('DEVICE_BUSY', `${outcome}: ${[...list].join('; ')}`, {
    hint: `${first}, or --keep-going does the rest`,
    facts: { busy: items.map(itemName) },
  })
}
