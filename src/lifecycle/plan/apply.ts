import { VfioError } from '../../errors.ts'
import { shownUsers } from '../../host/device-users.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Uuid } from '../../units.ts'
import type { ChangeOptions } from '../change.ts'
import { define } from '../define.ts'
import { modify } from '../modify.ts'
import { type NodeOwner, nodeOwners } from '../settings/node-owners.ts'
import { withSettingsLock } from '../settings/settings.ts'
import { start } from '../start.ts'
import { stop } from '../stop.ts'
import { definedParents } from '../store.ts'
import { undefine } from '../undefine.ts'
import type { Move, Plan, PlanEntry } from './plan.ts'

export interface ApplyOptions extends Omit<ChangeOptions, 'dryRun'> {
  /** Go on with the other devices where one fails; otherwise the first failure is the end. */
  readonly keepGoing?: boolean
  /** Called when a device is begun. */
  readonly onProgress?: (entry: PlanEntry, done: number, total: number) => void
}

/** How far carrying out a plan came. */
export interface Applied {
  readonly done: readonly PlanEntry[]
  readonly failed: readonly { readonly entry: PlanEntry; readonly error: unknown }[]
  /** What was not begun. */
  readonly remaining: readonly PlanEntry[]
}

/**
 * Carries out a plan, device by device. What would take a device from a process that has it open is DEVICE_BUSY before
 * anything is done. A device whose change fails is taken back to what it was.
 */
export async function applyPlan(kernel: Kernel, plan: Plan, options: ApplyOptions = {}): Promise<Applied> {
  const entries = plan.entries.filter(({ action }) => action !== 'keep')
  const busy = entries.filter(({ users }) => users.length > 0)
  if (options.keepGoing !== true && busy.length > 0) throw busyDevices('nothing is done', busy)
  const done: PlanEntry[] = []
  const failed: { entry: PlanEntry; error: unknown }[] = []
  for (const [i, entry] of entries.entries()) {
    options.onProgress?.(entry, i, entries.length)
    try {
      if (options.signal?.aborted === true) throw new VfioError('INTERRUPTED', 'interrupted between two devices')
      if (entry.users.length > 0) throw busyDevices('it is left as it is', [entry])
      await carryOut(kernel, entry, options)
      done.push(entry)
    } catch (error) {
      failed.push({ entry, error })
      const isEnd = options.keepGoing !== true || options.signal?.aborted === true
      if (isEnd) return { done, failed, remaining: entries.slice(i + 1) }
    }
  }
  return { done, failed, remaining: [] }
}

async function carryOut(kernel: Kernel, entry: PlanEntry, options: ChangeOptions): Promise<void> {
  const made: Move[] = []
  try {
    for (const move of entry.moves) {
      await carryOutMove(kernel, entry, move, options)
      made.push(move)
    }
  } catch (error) {
    await takeBack(kernel, entry, made, options, error)
    throw error
  }
}

async function carryOutMove(kernel: Kernel, entry: PlanEntry, move: Move, options: ChangeOptions): Promise<void> {
  const { uuid, parent, wanted } = entry
  if (move === 'stop') await stop(kernel, { uuid }, options)
  else if (move === 'undefine') await undefine(kernel, { uuid, parent }, options)
  else if (move === 'start') await start(kernel, { uuid, parent }, options)
  else if (move === 'keep owner') await keepOwner(kernel, uuid, entry.owner)
  else if (wanted !== null) {
    const isDefined = definedParents(kernel.files, uuid, parent).length > 0
    await (isDefined ? modify : define)(kernel, { uuid, parent, ...wanted }, options)
  }
}

function keepOwner(kernel: Kernel, uuid: Uuid, owner: NodeOwner | null): Promise<void> {
  return withSettingsLock(kernel, () => {
    if (owner === null) nodeOwners.delete(kernel.files, uuid)
    else nodeOwners.save(kernel.files, uuid, owner)
  })
}

/** The old definition, and the device started by it, as far as that was touched. */
async function takeBack(
  kernel: Kernel,
  { uuid, parent, stored, storedOwner, action }: PlanEntry,
  made: readonly Move[],
  options: ChangeOptions,
  cause: unknown,
): Promise<void> {
  // Without the signal: what interrupted the change must not keep it from being taken back.
  const { signal: _, ...calm } = options
  try {
    if (made.includes('keep owner')) await keepOwner(kernel, uuid, storedOwner)
    if (made.includes('define')) {
      if (stored === null) await undefine(kernel, { uuid, parent }, calm)
      else await modify(kernel, { uuid, parent, ...stored, force: true }, calm)
    }
    if (made.includes('stop') && action === 'change' && stored !== null) await start(kernel, { uuid, parent }, calm)
  } catch (error) {
    const [first, second] = [cause, error].map((it) => (it instanceof Error ? it.message : String(it)))
    throw new VfioError('APPLY_INCOMPLETE', `${first}; and taking it back failed: ${second}`, {
      cause,
      hint: `vfioctl list -u ${uuid} shows what is left; the next apply goes on from there`,
      facts: { uuid, parent },
    })
  }
}

function busyDevices(outcome: string, entries: readonly PlanEntry[]): VfioError {
  const list = entries.map(({ uuid, action, users }) => {
    return `${uuid} (to ${action}) is held by ${shownUsers(users)}`
  })
  return new VfioError('DEVICE_BUSY', `${outcome}: ${list.join('; ')}`, {
    hint: 'shut down the virtual machine that uses it, or --keep-going does the rest',
    facts: { busy: entries.map(({ uuid }) => uuid) },
  })
}
