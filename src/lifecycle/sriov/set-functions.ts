import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { findPhysicalFunction, functionAddresses, pciPath, physicalFunctionOf } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { withLock } from '../files/lock.ts'
import { withSettingsLock } from '../settings/settings.ts'
import { carryOutFunctions } from './carry-out-functions.ts'
import { checkFunctionsUnused } from './check-unused.ts'
import { forgetGone } from './forget-gone.ts'
import { planFunctions } from './functions-plan.ts'
import { withKeptDrivers } from './kept-drivers.ts'
import { keepNumber } from './kept-number.ts'
import type { SriovChange, SriovRequest } from './sriov-change.ts'
import { checkNotManaged } from './sriov-manage.ts'

const defaultTimeoutMs = 30_000

/**
 * Gives a physical function that many virtual ones, waits until they are there, a GPU's with what its driver makes of
 * them, and keeps the number for the next boot. Those that come anew get the drivers that are kept for them.
 * DEVICE_BUSY, before anything is done, if one that would go is used.
 */
export function setVirtualFunctions(
  kernel: Kernel,
  request: SriovRequest,
  options: ChangeOptions = {},
): Promise<SriovChange> {
  return withKeptDrivers(kernel, request, options, () => makeVirtualFunctions(kernel, request, options))
}

/** The same, with whichever drivers the kernel chooses. `onRefusedShare` as `carryOutFunctions` has it. */
export async function makeVirtualFunctions(
  kernel: Kernel,
  request: SriovRequest,
  options: ChangeOptions = {},
  onRefusedShare?: (error: VfioError) => void,
): Promise<SriovChange> {
  const { files } = kernel
  if (request.count === 0) {
    const forgotten = await forgetGone(kernel, request.device, options)
    if (forgotten !== null) return forgotten
  }
  const { address } = findPhysicalFunction(files, request.device)
  const { autoprobe, timeoutMs = defaultTimeoutMs } = request
  const dryRun = options.dryRun === true
  const run = async (): Promise<SriovChange> => {
    const plan = planFunctions(kernel, address, request)
    const { card, count, steps, makesAnew, keeping, toKeep } = plan
    if (makesAnew && card.count > 0) checkFunctionsUnused(kernel, card)
    if (makesAnew && card.count === 0) checkNoneLeftOver(files, address, count)
    const all = [...steps, ...keeping]
    const change = { device: address, asked: count, total: card.total, changed: all.length > 0, dryRun, steps: all }
    if (dryRun) return { ...change, count: makesAnew ? count : card.count, functions: card.functions }
    if (isHalfConfigured(files, address)) checkNotManaged(files, address)
    const made = await carryOutFunctions(kernel, plan, { timeoutMs, signal: options.signal, onRefusedShare })
    const kept = toKeep(made)
    if (kept !== null)
      await withSettingsLock(kernel, () => keepNumber(files, address, { count, made: kept, autoprobe }), options)
    return { ...change, count: made, functions: findPhysicalFunction(files, address).functions }
  }
  return dryRun ? run() : withLock(kernel, pciPath(address), run, options)
}

/**
 * DEVICE_BUSY if a card has no virtual functions, and functions of it are there. They are left of before it was taken
 * out and found again, as nvme's driver leaves them; Linux stops at once (BUG in pci_iov_add_virtfn) if told to make
 * them once more.
 */
function checkNoneLeftOver(files: HostFiles, card: PciAddress, count: number): void {
  const left = functionAddresses(files, card, count).filter((it) => physicalFunctionOf(files, it) === card)
  if (left.length === 0) return
  const what = `${left.join(', ')} ${left.length === 1 ? 'is' : 'are'} left of ${card} as it was before it was taken out`
  throw new VfioError('DEVICE_BUSY', `${what}: Linux would crash if it had to make functions there`, {
    hint: `for each: echo 1 > ${pciPath(left[0] ?? card)}/remove`,
    facts: { card, left },
  })
}
