import { asVfioError, VfioError } from '../../base/errors.ts'
import { checkOnBus, shownDevice } from '../../host/bus/bus-device.ts'
import { Arrivals } from '../../host/wait-for-device.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { withSharedKernelLog } from '../change/kernel-log.ts'
import { parentName } from '../device/parents.ts'
import type { Restorable, RestoreStage, RestoreTask } from '../device/restore-task.ts'
import { kinds } from '../kinds/kinds.ts'
import { checkNamesAreThere } from '../kinds/named-device.ts'
import { boundDeviceOrNull } from '../settings/bindings.ts'
import { boundDevices } from './bindings.ts'
import { ComingDevices } from './coming.ts'
import { keptMigModes, keptVgpuModes } from './gpu-modes.ts'
import { definedSriov } from './sriov.ts'

/** The default time for parents to appear. */
export const defaultTimeoutMs = 60_000

/** The devices to restore, and the time to wait for parents. */
export interface RestoreRequest extends Omit<ChangeOptions, 'force'> {
  /** Only what belongs to this device. */
  readonly parent?: string
  /** The time for parents to appear, in milliseconds. */
  readonly timeoutMs?: number
  /** Called as each thing is up or has failed. */
  readonly onResult?: (result: RestoreResult) => void
  /** Called once for each parent that is not there yet. */
  readonly onWaiting?: (parent: string) => void
}

/** The result for one thing that is defined to come up by itself; with `dryRun`, the result that it would have. */
export interface RestoreResult extends Restorable {
  readonly outcome: 'started' | 'already-there' | 'failed' | 'no-parent'
  /** The writes. Those that it waits for if there is no parent. */
  readonly steps: readonly Step[]
  /** The error that kept it from coming up; else null. */
  readonly error: VfioError | null
}

/** The results of a restore, and warnings of what it could not read. */
export interface Restored {
  /** In the order in which they come up on one parent. */
  readonly results: readonly RestoreResult[]
  readonly warnings: readonly Warning[]
}

/** The stages of one device, in order, before its virtual devices. */
const stagesBefore: readonly RestoreStage[] = [boundDevices, keptMigModes, definedSriov, keptVgpuModes]

/**
 * Brings up what is defined to come up by itself: for each device one thing after the other, once it is there, and all
 * devices at the same time. One failure stops nothing else, and none is thrown: each thing's result has its own.
 * NOT_FOUND for a `parent` of which nothing is kept, and which is not there.
 */
export async function restore(kernel: Kernel, request: RestoreRequest = {}): Promise<Restored> {
  const only = request.parent === undefined ? undefined : parentOf(request.parent)
  const coming = new ComingDevices(kernel.files, only)
  const verbs = await Promise.all(kinds.map((kind) => kind.verbs()))
  const stages = [...stagesBefore, ...verbs.map((its) => its.restore)]
  const found = stages.map((stage) => findTasks(stage, kernel, coming))
  const tasks = found.flatMap((stage) => stage.tasks)
  const arrivals = new Arrivals(
    kernel,
    request.dryRun === true ? 0 : (request.timeoutMs ?? defaultTimeoutMs),
    request.signal,
  )
  try {
    const results = new Map<RestoreTask, RestoreResult>()
    await withSharedKernelLog(kernel, () => {
      const parents = [...byParent(tasks)].map(([parent, its]) => {
        return bringUpInOrder(parent, its, arrivals, request, (task, result) => {
          results.set(task, result)
          if (task.kind === 'sriov') coming.end(task.parent)
        })
      })
      return everyOne(parents)
    })
    const warnings = found.flatMap((stage) => stage.warnings)
    if (request.parent !== undefined && tasks.length + warnings.length === 0) checkIsThere(kernel.files, request.parent)
    return { results: tasks.flatMap((task) => results.get(task) ?? []), warnings }
  } finally {
    await arrivals.close()
  }
}

function checkIsThere(files: HostFiles, name: string): void {
  const bound = boundDeviceOrNull(name)
  if (bound !== null) checkOnBus(files, bound)
  else checkNamesAreThere(files, { parent: parentName(name) })
}

/** By its name, or by that of its setting ('css-0.0.0314'), which a unit's name can have. */
function parentOf(name: string): string {
  const bound = boundDeviceOrNull(name)
  return bound === null ? parentName(name) : shownDevice(bound)
}

/** Finds a stage's tasks; a failure is a warning, and keeps nothing else from starting. */
function findTasks(stage: RestoreStage, kernel: Kernel, coming: ComingDevices): ReturnType<RestoreStage> {
  try {
    return stage(kernel, coming)
  } catch (error) {
    const { path, message } = asVfioError(error)
    return { tasks: [], warnings: [{ path: path ?? 'restore', message }] }
  }
}

/** Waits for all, even if one fails, as it does if a callback of the caller's throws: nothing is left at work. */
async function everyOne(all: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(all)) if (outcome.status === 'rejected') throw outcome.reason
}

function byParent(tasks: readonly RestoreTask[]): Map<string, RestoreTask[]> {
  const parents = new Map<string, RestoreTask[]>()
  for (const task of tasks) parents.set(task.parent, [...(parents.get(task.parent) ?? []), task])
  return parents
}

async function bringUpInOrder(
  parent: string,
  tasks: readonly RestoreTask[],
  arrivals: Arrivals,
  request: RestoreRequest,
  add: (task: RestoreTask, result: RestoreResult) => void,
): Promise<void> {
  let isTold = request.dryRun === true
  for (const task of tasks) {
    if (!isTold && isWaitedFor(task)) {
      isTold = true
      request.onWaiting?.(parent)
    }
    const result = { ...nameOf(task), ...(await bringUp(task, arrivals, request)) }
    add(task, result)
    request.onResult?.(result)
  }
}

/** True if a task waits for its parent. If nobody can tell, false: the task itself says why. */
function isWaitedFor(task: RestoreTask): boolean {
  try {
    return !task.isParentThere() && task.canParentCome()
  } catch {
    return false
  }
}

function nameOf({ kind, name, parent, type }: RestoreTask) {
  return { kind, name, parent, type }
}

type Outcome = Pick<RestoreResult, 'outcome' | 'steps' | 'error'> & Partial<Pick<RestoreResult, 'name'>>

async function bringUp(task: RestoreTask, arrivals: Arrivals, request: RestoreRequest): Promise<Outcome> {
  try {
    await arrivals.until(() => task.isParentThere() || !task.canParentCome())
    if (request.signal?.aborted === true) return failed(new VfioError('INTERRUPTED', 'interrupted before it was begun'))
    if (!task.isParentThere()) return { outcome: 'no-parent', steps: task.plannedSteps(), error: task.parentMissing() }
    const { changed, ...made } = await task.bringUp(request)
    return { ...made, outcome: changed ? 'started' : 'already-there', error: null }
  } catch (error) {
    return failed(asVfioError(error))
  }
}

function failed(error: VfioError): Outcome {
  return { outcome: 'failed', steps: [], error }
}
