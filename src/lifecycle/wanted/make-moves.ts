import { asVfioError, kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../change/change.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { keepOwner } from './owner-setting.ts'
import type { Move, PlannedDevice, Running } from './plan.ts'

/** How the moves of one kind of virtual device are made, and what it takes to undo them. */
export interface Moving {
  readonly make: (move: Move, options: ChangeOptions) => Promise<void>
  /** Stores what was stored before, or nothing where nothing was. */
  readonly defineAsBefore: (options: ChangeOptions) => Promise<void>
  /** What runs by its name now. */
  readonly runningNow: () => Running | null
  /** Starts it as it is defined, or as it ran where nobody defined it. */
  readonly startAgain: (ran: Running, options: ChangeOptions) => Promise<{ change: Change; isDefined: boolean }>
}

/** What was made of a plan on cards that share it, so that all of it can be taken back. */
export interface MadeMoves {
  /** What was carried out. */
  readonly item: PlannedDevice
  /** What the plan had: another where a function turned out to be a parent of mediated devices. */
  readonly planned: PlannedDevice
  readonly moving: Moving
  readonly made: Move[]
}

/**
 * Carries out what a plan has for one virtual device. Where a move fails, the device is taken back to what it was; where
 * that fails as well, APPLY_INCOMPLETE says what is left, with the errno of the first failure. Where there is no room for
 * it, nothing is taken back yet: whoever keeps the journal takes back all that is in it.
 */
export async function makeMoves(
  kernel: Kernel,
  item: PlannedDevice,
  moving: Moving,
  options: ChangeOptions,
  journal: MadeMoves[],
  planned: PlannedDevice = item,
): Promise<void> {
  const made: Move[] = []
  journal.push({ item, planned, moving, made })
  try {
    for (const move of item.moves) {
      await moving.make(move, options)
      made.push(move)
    }
  } catch (error) {
    if (isNoRoom(error)) throw error
    journal.pop()
    // without the signal: what interrupted it must not keep it from being taken back
    const { signal: _, ...calm } = options
    const failures = await takeBack(kernel, item, made, moving, calm)
    const name = item.name
    if (failures.length === 0) throw backAsBefore(error, item, made, moving)
    const left = whatIsLeft(kernel.files, item, moving)
    throw withMore(asVfioError(error), `and taking it back failed: ${failures.map(kernelAnswer).join('; ')}${left}`, {
      code: 'APPLY_INCOMPLETE',
      hint: `vfioctl list ${name} shows what is left; the next apply goes on from there`,
      facts: { device: name, parent: item.parent },
    })
  }
}

/** What the failure says of the device was before it was taken back. */
function backAsBefore(error: unknown, item: PlannedDevice, made: readonly Move[], moving: Moving): unknown {
  const now = moving.runningNow()
  if (item.running === null || now === null || made.length === 0) return error
  return withMore(asVfioError(error), `${item.name} runs as before: as ${now.type} on ${now.parent}`)
}

/** True if an error says that a card has no room. */
export function isNoRoom(error: unknown): error is VfioError {
  return error instanceof VfioError && error.code === 'NO_INSTANCE_LEFT'
}

/** All ends that was begun, before what ran before is started again, as it was. Returns what failed of it. */
export async function takeAllBack(
  kernel: Kernel,
  journal: readonly MadeMoves[],
  options: ChangeOptions,
): Promise<unknown[]> {
  const { signal: _, ...calm } = options
  const failures: unknown[] = []
  const attempt = (work: () => Promise<void>) => work().catch((error) => void failures.push(error))
  const { files } = kernel
  for (const { item, moving, made } of journal.toReversed()) {
    const now = moving.runningNow()
    const isOther = now !== null && !isSame(files, item.name, item.running, now)
    if (made.includes('start') && isOther) await attempt(() => moving.make('stop', calm))
  }
  for (const { item, moving, made } of journal.toReversed()) {
    if (made.includes('define') || made.includes('undefine')) await attempt(() => moving.defineAsBefore(calm))
    if (made.includes('keep-owner') || (made.includes('undefine') && item.storedOwner !== null)) {
      await attempt(() => keepOwner(kernel, item.name, item.storedOwner, calm))
    }
  }
  for (const { item, moving } of journal) await attempt(() => runAsBefore(files, item, moving, calm))
  return failures
}

/** What failed of it: one failure keeps nothing else from being taken back. */
async function takeBack(
  kernel: Kernel,
  item: PlannedDevice,
  made: readonly Move[],
  moving: Moving,
  options: ChangeOptions,
): Promise<unknown[]> {
  const failures: unknown[] = []
  const attempt = (work: () => Promise<void>) => work().catch((error) => void failures.push(error))
  if (made.includes('define')) await attempt(() => moving.defineAsBefore(options))
  // after the definition, which takes the owner along where it goes
  if (made.includes('keep-owner')) {
    await attempt(() => keepOwner(kernel, item.name, item.storedOwner, options))
  }
  await attempt(() => runAsBefore(kernel.files, item, moving, options))
  return failures
}

async function runAsBefore(
  files: HostFiles,
  item: PlannedDevice,
  moving: Moving,
  options: ChangeOptions,
): Promise<void> {
  const name = item.name
  const { running } = item
  if (running === null || isSame(files, name, running, moving.runningNow())) return
  const { change, isDefined } = await moving.startAgain(running, options)
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

function whatIsLeft(files: HostFiles, item: PlannedDevice, moving: Moving): string {
  const name = item.name
  const { running } = item
  const now = moving.runningNow()
  if (running === null || isSame(files, name, running, now)) return ''
  const half = isHalfConfigured(files, name) ? ', half set up' : ''
  const then = now === null ? 'does not run now' : `runs as ${now.type} on ${now.parent} now${half}`
  return ` (${name} ran as ${running.type} on ${running.parent}, and ${then})`
}
