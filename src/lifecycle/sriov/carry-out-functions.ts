import { kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { PciAddress } from '../../base/units.ts'
import { counted } from '../../base/units.ts'
import { type PhysicalFunction, pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import { Arrivals } from '../../host/wait-for-device.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { withKernelLog } from '../change/kernel-log.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { kinds } from '../kinds/kinds.ts'
import { type FunctionsPlan, type FunctionsStep, functionsSteps } from './functions-plan.ts'
import { manageSriov } from './sriov-manage.ts'
import { writeRefused } from './write-refusal.ts'

/** Limits to the wait for functions to appear. */
export interface Patience {
  /** The time for the functions to appear, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /**
   * Called for a share for which the card has not so much left, as restore wants it: the functions come all the same,
   * and the device with that share fails by itself. Absent if that is the end.
   */
  readonly onRefusedShare?: ((error: VfioError) => void) | undefined
}

/**
 * Makes a card's functions as planned, and waits until they are there. Returns how many there are: some drivers make
 * others than they are asked for. If it fails, the card gets as many as before if its driver makes them, and the error
 * says how many it has then.
 */
export async function carryOutFunctions(
  kernel: Kernel,
  { card, count, steps, makesAnew }: FunctionsPlan,
  patience: Patience,
): Promise<number> {
  if (steps.length === 0) return card.count
  let made: number
  try {
    await makeSteps(kernel, card, steps, count, patience.onRefusedShare)
    made = makesAnew ? countMade(kernel.files, steps, card, count) : card.count
  } catch (error) {
    await giveWritesBack(kernel.files, card)
    await backToProbing(kernel.files, card)
    throw await withBefore(kernel, card, error)
  }
  await waitForFunctions(kernel, card.address, made, patience)
  return made
}

async function makeSteps(
  kernel: Kernel,
  card: PhysicalFunction,
  steps: readonly FunctionsStep[],
  count: number,
  onRefusedShare?: Patience['onRefusedShare'],
): Promise<void> {
  const subject = { name: card.address, card: pciPath(card.address) }
  for (const step of steps) {
    await withKernelLog(kernel, subject, () => carryOut(kernel, card, step, count)).catch((error: unknown) => {
      const isShare = step.action === 'write' && error instanceof VfioError && error.code === 'NO_INSTANCE_LEFT'
      if (!isShare || onRefusedShare === undefined) throw error
      onRefusedShare(error)
    })
  }
}

/** Undoes the writes before functions that did not come, as far as the kernel lets it. */
async function giveWritesBack(files: HostFiles, { address }: PhysicalFunction): Promise<void> {
  const now = readPhysicalFunction(files, address)
  if (now === null || now.count > 0) return
  for (const { path, value } of kinds.flatMap((kind) => kind.writesBeforeFunctions(files, now, 0))) {
    await files.write(path, value).catch(() => undefined)
  }
}

/** The host's drivers may have the card's functions as before, if that can be: the failure that led here is told. */
async function backToProbing(files: HostFiles, { address, autoprobe: before }: PhysicalFunction): Promise<void> {
  const now = readPhysicalFunction(files, address)?.autoprobe ?? null
  if (before === null || now === null || now === before) return
  await files.write(`${pciPath(address)}/sriov_drivers_autoprobe`, before ? '1' : '0').catch(() => undefined)
}

/** The error, with what the card has after as many as before were asked for again. */
async function withBefore(kernel: Kernel, { address, count }: PhysicalFunction, error: unknown): Promise<unknown> {
  const { files } = kernel
  const left = readPhysicalFunction(files, address)
  if (!(error instanceof VfioError) || left === null || left.count === count) return error
  const said = `${address} had ${counted(count, 'virtual function')}`
  const counts = (now: number) => ({ facts: { before: count, count: now } })
  // of a card that is left half made, the next change begins anew
  if (count === 0 || isHalfConfigured(files, address))
    return withMore(error, `${said}, and has ${left.count} now`, counts(left.count))
  try {
    await makeSteps(kernel, left, functionsSteps(files, left, count), count)
  } catch (refusal) {
    const now = readPhysicalFunction(files, address)?.count ?? 0
    return withMore(
      error,
      `${said}, and has ${now} now: as many again failed too: ${kernelAnswer(refusal)}`,
      counts(now),
    )
  }
  return withMore(error, `${said}, and has them again`, counts(count))
}

/**
 * As many as there are by now: the kernel makes them before it answers a write, and some drivers make others than
 * asked.
 */
function countMade(
  files: HostFiles,
  steps: readonly FunctionsStep[],
  { address, driver }: PhysicalFunction,
  count: number,
): number {
  if (steps.some(({ action }) => action === 'run')) return count
  const made = readPhysicalFunction(files, address)?.count ?? count
  if (made > 0 || count === 0) return made
  throw new VfioError(
    'NOT_SUPPORTED',
    `the driver ${driver} took ${counted(count, 'virtual function')} for ${address}, and made none`,
    {
      hint: `dmesg | tail; lspci -ks ${address} shows its drivers`,
      facts: { device: address, count, made },
    },
  )
}

async function carryOut(kernel: Kernel, card: PhysicalFunction, step: FunctionsStep, count: number): Promise<void> {
  if (step.action === 'run') return manageSriov(kernel, card.address, step.arguments[0] === '-e')
  try {
    await kernel.files.write(step.path, step.value)
  } catch (cause) {
    if (step.path.endsWith('/sriov_numvfs')) throw writeRefused(card, count, cause)
    const tried = `cannot set ${step.path} to ${step.value}`
    if (failedWith(cause, 'ENOMEM', 'ENOSPC')) {
      const what = `${tried}: ${kernelAnswer(cause)}: ${card.address} has not so much left`
      const hint = `vfioctl list -p ${card.address}; vfioctl modify ADDRESS --vram SIZE`
      throw new VfioError('NO_INSTANCE_LEFT', what, { cause, path: step.path, hint, facts: { card: card.address } })
    }
    throw refusedByKernel(tried, cause, { path: step.path, hint: 'dmesg | tail' })
  }
}

async function waitForFunctions(
  kernel: Kernel,
  address: PciAddress,
  count: number,
  { timeoutMs, signal }: Patience,
): Promise<void> {
  const arrivals = new Arrivals(kernel, timeoutMs, signal)
  try {
    if (await arrivals.until(() => missing(kernel.files, address, count) === null)) return
  } finally {
    await arrivals.close()
  }
  const what = missing(kernel.files, address, count) ?? 'they came just now'
  if (signal?.aborted === true) throw new VfioError('INTERRUPTED', `interrupted while waiting for ${address}: ${what}`)
  throw new VfioError('TIMED_OUT', `${address} did not get ready in ${timeoutMs / 1000} s: ${what}`, {
    hint: `dmesg | tail; vfioctl types -p ${address}`,
    facts: { device: address, count },
  })
}

/** A part that is not there yet, in words; null if all is. */
function missing(files: HostFiles, address: PciAddress, count: number): string | null {
  const card = readPhysicalFunction(files, address)
  if (card === null) return 'the device itself is not there'
  if (card.count !== count || card.functions.length !== count) {
    return `it has ${counted(card.functions.length, 'virtual function')}, not ${count}`
  }
  const [first = null] = kinds.flatMap((kind) => kind.missingOn(files, card) ?? [])
  return first
}
