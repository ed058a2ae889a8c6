import { VfioError } from '../../errors.ts'
import { shownUsers } from '../../host/device-users.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { bind } from '../bindings/bind.ts'
import type { BindingOptions } from '../bindings/binding-change.ts'
import type { ChangeOptions } from '../change.ts'
import { withSharedKernelLog } from '../kernel-log.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import { carryOutMdev } from './apply-mdev.ts'
import { carryOutVgpu } from './apply-vgpu.ts'
import { itemName, itemsOf, type Plan, type PlanItem } from './plan.ts'

export interface ApplyOptions extends Omit<ChangeOptions, 'dryRun'> {
  /** Go on with the other devices where one fails; otherwise the first failure is the end. */
  readonly keepGoing?: boolean
  /** Called when a device is begun. */
  readonly onProgress?: (item: PlanItem, done: number, total: number) => void
}

/** How far carrying out a plan came. */
export interface Applied {
  readonly done: readonly PlanItem[]
  readonly failed: readonly { readonly entry: PlanItem; readonly error: unknown }[]
  /** What was not begun. */
  readonly remaining: readonly PlanItem[]
}

/**
 * Carries out a plan, device by device, drivers first. What would take a device from whoever uses it is DEVICE_BUSY before
 * anything is done. A device whose change fails is taken back to what it was.
 */
export async function applyPlan(kernel: Kernel, plan: Plan, options: ApplyOptions = {}): Promise<Applied> {
  const items = itemsOf(plan).filter(({ action }) => action !== 'keep')
  const busy = items.filter(isBusy)
  if (options.keepGoing !== true && busy.length > 0) throw busyDevices('nothing is done', busy)
  return withSharedKernelLog(kernel, () => carryOutItems(kernel, items, options))
}

async function carryOutItems(kernel: Kernel, items: readonly PlanItem[], options: ApplyOptions): Promise<Applied> {
  const done: PlanItem[] = []
  const failed: { entry: PlanItem; error: unknown }[] = []
  for (const [i, item] of items.entries()) {
    options.onProgress?.(item, i, items.length)
    try {
      if (options.signal?.aborted === true) throw new VfioError('INTERRUPTED', 'interrupted between two devices')
      if (isBusy(item)) throw busyDevices('it is left as it is', [item])
      await carryOutItem(kernel, item, options)
      done.push(item)
    } catch (error) {
      failed.push({ entry: item, error })
      const isEnd = options.keepGoing !== true || options.signal?.aborted === true
      if (isEnd) return { done, failed, remaining: items.slice(i + 1) }
    }
  }
  return { done, failed, remaining: [] }
}

async function carryOutItem(kernel: Kernel, item: PlanItem, options: ApplyOptions): Promise<void> {
  if (item.kind === 'binding') {
    await bind(kernel, { device: item.device, driver: item.driver }, bindingOptions(options))
  } else if (item.kind === 'sriov') {
    await setVirtualFunctions(kernel, { device: item.device, count: item.count }, options)
  } else if (item.kind === 'vgpu') await carryOutVgpu(kernel, item, options)
  else await carryOutMdev(kernel, item, options)
}

function isBusy(item: PlanItem): boolean {
  return 'uses' in item ? item.uses.length > 0 : item.users.length > 0
}

/** Callouts may be overruled; a device that the host uses is not taken by that. */
function bindingOptions({ said, signal }: ApplyOptions): BindingOptions {
  return { ...(said === undefined ? {} : { said }), ...(signal === undefined ? {} : { signal }) }
}

function busyDevices(outcome: string, items: readonly PlanItem[]): VfioError {
  const list = items.map((item) => {
    const why = 'uses' in item ? `is in use: ${item.uses.join(', ')}` : `is held by ${shownUsers(item.users)}`
    return `${itemName(item)} (to ${item.action}) ${why}`
  })
  return new VfioError('DEVICE_BUSY', `${outcome}: ${list.join('; ')}`, {
    hint: 'shut down the virtual machine that uses it, or --keep-going does the rest',
    facts: { busy: items.map(itemName) },
  })
}
