import { asVfioError, kernelAnswer, type VfioError, withMore } from '../../base/errors.ts'
import { counted, type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { onPci } from '../../host/bus/bus-device.ts'
import { functionAddresses, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { bindKept } from '../bindings/bind-kept.ts'
import { isKeptDevice } from '../bindings/kept-device.ts'
import { keptDriver, keptInWords, WantedDrivers } from '../bindings/wanted-driver.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { keptBindings } from '../settings/bindings.ts'
import { futureBindingSteps, futureModalias } from './future-binding.ts'
import { willProbe } from './kept-number.ts'
import type { SriovChange, SriovRequest } from './sriov-change.ts'

/**
 * Virtual functions come anew whenever their number changes, with whichever driver knows them. What is kept for one is
 * for whatever is at its place: it gets that driver again, and one that is gone will, once it comes.
 */
export async function withKeptDrivers(
  kernel: Kernel,
  { device, autoprobe }: Pick<SriovRequest, 'device' | 'autoprobe'>,
  options: ChangeOptions,
  make: () => Promise<SriovChange>,
): Promise<SriovChange> {
  const { files } = kernel
  const address = pciAddressOrNull(device)
  const before = address === null ? [] : (readPhysicalFunction(files, address)?.functions ?? [])
  const change = await make().catch(async (error) => {
    throw await withDriversAgain(kernel, address, before, error, options)
  })
  if (!change.steps.some(({ action }) => action === 'write' || action === 'run')) return change
  if (change.dryRun) return { ...change, steps: [...change.steps, ...plannedSteps(files, change, autoprobe)] }
  for (const gone of before.filter((it) => !change.functions.includes(it))) {
    const kept = keptBindings.readOrNone(files, gone)
    if (kept === null) continue
    options.onMessage?.(
      `${gone} is gone; ${keptInWords(kept.driver)} is kept for it until it comes again (vfioctl release ${gone} forgets it)`,
    )
  }
  return { ...change, steps: [...change.steps, ...(await bindKeptOf(kernel, change, options))] }
}

/** A change that failed may have made as many functions as before, anew. */
async function withDriversAgain(
  kernel: Kernel,
  card: PciAddress | null,
  before: readonly PciAddress[],
  error: unknown,
  options: ChangeOptions,
): Promise<unknown> {
  const now = card === null ? null : readPhysicalFunction(kernel.files, card)
  if (before.length === 0 || now?.functions.length !== before.length || options.dryRun === true) return error
  const failures = (await bindAll(kernel, now.functions, options)).failures.map(kernelAnswer)
  if (failures.length === 0) return error
  return withMore(asVfioError(error), `and their drivers could not be given back: ${failures.join('; ')}`)
}

function plannedSteps(files: HostFiles, { device: card, count }: SriovChange, autoprobe: boolean | undefined): Step[] {
  const isProbed = willProbe(files, card, autoprobe)
  const drivers = new WantedDrivers(files)
  return functionAddresses(files, card, count).flatMap((address) => {
    const kept = keptBindings.readOrNone(files, address)
    if (kept === null) return []
    return futureBindingSteps(files, address, card, drivers.ofFuture(futureModalias(files, card), kept.driver), {
      isProbed,
    })
  })
}

/** One that fails keeps the others from nothing; the first failure is thrown, with what there is all the same. */
async function bindKeptOf(kernel: Kernel, change: SriovChange, options: ChangeOptions): Promise<Step[]> {
  const { steps, failures } = await bindAll(kernel, change.functions, options)
  const [first] = failures
  if (first === undefined) return steps
  const others = failures.length === 1 ? '' : `, and ${failures.length - 1} more failed like that`
  throw withMore(first, `${change.device} has its ${counted(change.count, 'virtual function')} all the same${others}`)
}

async function bindAll(
  kernel: Kernel,
  functions: readonly PciAddress[],
  options: ChangeOptions,
): Promise<{ steps: Step[]; failures: VfioError[] }> {
  const failures: VfioError[] = []
  const steps: Step[] = []
  for (const address of functions) {
    const kept = keptBindings.readOrNone(kernel.files, address)
    if (kept === null || !isKeptDevice(kernel.files, onPci(address), kept)) continue
    try {
      const bound = await bindKept(kernel, onPci(address), kept, options)
      steps.push(...bound.steps)
      if (bound.changed)
        options.onMessage?.(
          `${address} is with ${keptDriver(kernel.files, onPci(address), kept.driver)} again, as is kept for it`,
        )
    } catch (error) {
      failures.push(asVfioError(error))
    }
  }
  return { steps, failures }
}
