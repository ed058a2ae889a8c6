import { asVfioError, kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../change/change.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { keepOwner } from './owner-setting.ts'
import type { PlannedDevice, Running, Verb } from './plan.ts'

/** Functions that run the verbs of one kind of virtual device, and undo them. */
export interface VerbRunner {
  readonly run: (verb: Verb, options: ChangeOptions) => Promise<void>
  /** Stores what was stored before, or nothing if nothing was. */
  readonly defineAsBefore: (options: ChangeOptions) => Promise<void>
  /** The device that runs by its name now; null for none. */
  readonly runningNow: () => Running | null
  /** Starts it as it is defined, or as it ran if nobody defined it. */
  readonly startAgain: (ran: Running, options: ChangeOptions) => Promise<{ change: Change; isDefined: boolean }>
}

/** The verbs done for one device of a plan, so that they can be taken back with all that was done on its cards. */
export interface DoneVerbs {
  /** The item that was carried out. */
  readonly item: PlannedDevice
  /** The plan's item: another if a function turned out to be a parent of mediated devices. */
  readonly planned: PlannedDevice
  readonly runner: VerbRunner
  readonly done: Verb[]
}

/**
 * Carries out what a plan has for one virtual device. If a verb fails, the device is taken back to what it was; if
 * that fails as well, APPLY_INCOMPLETE says what is left, with the errno of the first failure. If there is no room for
 * it, nothing is taken back yet: whoever keeps the journal takes back all that is in it.
 */
export async function runVerbs(
  kernel: Kernel,
  item: PlannedDevice,
  runner: VerbRunner,
  options: ChangeOptions,
  journal: DoneVerbs[],
  planned: PlannedDevice = item,
): Promise<void> {
  const done: Verb[] = []
  journal.push({ item, planned, runner, done })
  try {
    for (const verb of item.verbs) {
      await runner.run(verb, options)
      done.push(verb)
    }
  } catch (error) {
    if (isNoRoom(error)) throw error
    journal.pop()
    // without the signal: what interrupted it must not keep it from being taken back
    const { signal: _, ...uninterruptible } = options
    const failures = await takeBack(kernel, item, done, runner, uninterruptible)
    const name = item.name
    if (failures.length === 0) throw backAsBefore(error, item, done, runner)
    const left = whatIsLeft(kernel.files, item, runner)
    throw withMore(asVfioError(error), `and taking it back failed: ${failures.map(kernelAnswer).join('; ')}${left}`, {
      code: 'APPLY_INCOMPLETE',
      hint: `vfioctl list ${name} shows what is left; the next apply goes on from there`,
      facts: { device: name, parent: item.parent },
    })
  }
}

/** Adds to the error what runs now: its own words tell of the device before it was taken back. */
function backAsBefore(error: unknown, item: PlannedDevice, done: readonly Verb[], runner: VerbRunner): unknown {
  const now = runner.runningNow()
  if (item.running === null || now === null || done.length === 0) return error
  return withMore(asVfioError(error), `${item.name} runs as before: as ${now.type} on ${now.parent}`)
}

/** True if an error says that a card has no room. */
export function isNoRoom(error: unknown): error is VfioError {
  return error instanceof VfioError && error.code === 'NO_INSTANCE_LEFT'
}

/** All ends that was begun, before what ran before is started again, as it was. Returns what failed of it. */
export async function takeAllBack(
  kernel: Kernel,
  journal: readonly DoneVerbs[],
  options: ChangeOptions,
): Promise<unknown[]> {
  const { signal: _, ...uninterruptible } = options
  const failures: unknown[] = []
  const attempt = (work: () => Promise<void>) => work().catch((error) => void failures.push(error))
  const { files } = kernel
  for (const { item, runner, done } of journal.toReversed()) {
    const now = runner.runningNow()
    const isOther = now !== null && !isSame(files, item.name, item.running, now)
    if (done.includes('start') && isOther) await attempt(() => runner.run('stop', uninterruptible))
  }
  for (const { item, runner, done } of journal.toReversed()) {
    if (done.includes('define') || done.includes('undefine'))
      await attempt(() => runner.defineAsBefore(uninterruptible))
    if (done.includes('keep-owner') || (done.includes('undefine') && item.storedOwner !== null)) {
      await attempt(() => keepOwner(kernel, item.name, item.storedOwner, uninterruptible))
    }
  }
  for (const { item, runner } of journal) await attempt(() => runAsBefore(files, item, runner, uninterruptible))
  return failures
}

/** Returns the failures: one keeps nothing else from being taken back. */
async function takeBack(
  kernel: Kernel,
  item: PlannedDevice,
  done: readonly Verb[],
  runner: VerbRunner,
  options: ChangeOptions,
): Promise<unknown[]> {
  const failures: unknown[] = []
  const attempt = (work: () => Promise<void>) => work().catch((error) => void failures.push(error))
  if (done.includes('define')) await attempt(() => runner.defineAsBefore(options))
  // after the definition, which takes the owner along if it goes
  if (done.includes('keep-owner')) {
    await attempt(() => keepOwner(kernel, item.name, item.storedOwner, options))
  }
  await attempt(() => runAsBefore(kernel.files, item, runner, options))
  return failures
}

async function runAsBefore(
  files: HostFiles,
  item: PlannedDevice,
  runner: VerbRunner,
  options: ChangeOptions,
): Promise<void> {
  const name = item.name
  const { running } = item
  if (running === null || isSame(files, name, running, runner.runningNow())) return
  const { change, isDefined } = await runner.startAgain(running, options)
  if (change.type !== running.type) {
    options.onMessage?.(`${name} ran as ${running.type}, and runs as it is defined: ${change.type}`)
  } else if (!isDefined) {
    options.onMessage?.(`${name} runs again as ${running.type}; attributes that it may have had are not known`)
  }
}

function isSame(files: HostFiles, name: string, ran: Running | null, runs: Running | null): boolean {
  return (
    runs !== null &&
    ran !== null &&
    runs.parent === ran.parent &&
    runs.type === ran.type &&
    !isHalfConfigured(files, name)
  )
}

function whatIsLeft(files: HostFiles, item: PlannedDevice, runner: VerbRunner): string {
  const name = item.name
  const { running } = item
  const now = runner.runningNow()
  if (running === null || isSame(files, name, running, now)) return ''
  const half = isHalfConfigured(files, name) ? ', half set up' : ''
  const then = now === null ? 'does not run now' : `runs as ${now.type} on ${now.parent} now${half}`
  return ` (${name} ran as ${running.type} on ${running.parent}, and ${then})`
}
