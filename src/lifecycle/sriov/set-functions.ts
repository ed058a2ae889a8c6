import { VfioError, withMore } from '../../base/errors.ts'
import { type PciAddress, pciAddressOrNull, printable } from '../../base/units.ts'
import { checkOnPciBus } from '../../host/pci-bus.ts'
import { type PhysicalFunction, pciPath, physicalFunctionOf, readPhysicalFunction } from '../../host/sriov.ts'
import { Arrivals } from '../../host/wait-for-device.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { withKernelLog } from '../change/kernel-log.ts'
import { isHalfMade } from '../device/half-made.ts'
import { withLock } from '../files/lock.ts'
import { parentsOf } from '../kinds/mdev/mdev-places.ts'
import { isNvidiaGpu, isSriovGpu, makesNoVgpus } from '../kinds/mdev/nvidia-gpu.ts'
import { readVgpuFunction } from '../kinds/nvidia-vgpu/vgpu-functions.ts'
import { withSettingsLock } from '../settings/settings.ts'
import { checkFunctionsUnused } from './check-unused.ts'
import { forgetGone } from './forget-gone.ts'
import { withKeptDrivers } from './kept-drivers.ts'
import { checkNotManaged, driverBackSteps, manageSriov, manageStep } from './sriov-manage.ts'
import { sriovSettings } from './sriov-settings.ts'
import { writeRefused } from './write-refusal.ts'

export interface SriovRequest {
  /** The physical function: a PCI address, short or long. */
  readonly device: string
  readonly count: number | 'all'
  /** Until the next boot at most: what is kept for later boots stays as it is. */
  readonly transient?: boolean
  /** How long the functions may take to appear, in milliseconds: half a minute where absent. */
  readonly timeoutMs?: number
}

export interface SriovChange {
  readonly device: PciAddress
  readonly asked: number
  /** How many there are: some drivers make all, whatever is asked for. With `dryRun`, as many as are asked for. */
  readonly count: number
  readonly total: number
  /** Those that are there; with `dryRun`, that were there. */
  readonly functions: readonly PciAddress[]
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}

const defaultTimeoutMs = 30_000

/**
 * Gives a physical function that many virtual ones, waits until they are there, a GPU's with what its driver makes of
 * them, and keeps the number for the next boot. Those that come anew get the drivers that are kept for them. DEVICE_BUSY,
 * before anything is done, where one that would go is used.
 */
export function setVirtualFunctions(
  kernel: Kernel,
  request: SriovRequest,
  options: ChangeOptions = {},
): Promise<SriovChange> {
  return withKeptDrivers(kernel, request.device, options, () => makeVirtualFunctions(kernel, request, options))
}

/** The same, with whichever drivers the kernel chooses. */
export async function makeVirtualFunctions(
  kernel: Kernel,
  request: SriovRequest,
  options: ChangeOptions = {},
): Promise<SriovChange> {
  const { files } = kernel
  if (request.count === 0) {
    const forgotten = await forgetGone(kernel, request.device, options)
    if (forgotten !== null) return forgotten
  }
  const { address } = findPhysicalFunction(files, request.device)
  const dryRun = options.dryRun === true
  const run = async (): Promise<SriovChange> => {
    const card = findPhysicalFunction(files, address)
    const count = checkedCount(files, card, request.count)
    const now = sriovSteps(files, card, count)
    // a host below another root runs no programs of NVIDIA's: it has them at its own next boot
    const isForItsBoot =
      !kernel.runsPrograms && request.transient !== true && now.some(({ action }) => action === 'run')
    const steps = isForItsBoot ? [] : now
    if (steps.length > 0 && card.count > 0) checkFunctionsUnused(kernel, card)
    const kept = request.transient === true ? [] : keepSteps(files, address, count)
    const change = { device: address, asked: count, total: card.total, dryRun, steps: [...steps, ...kept] }
    let made = steps.length === 0 ? card.count : count
    if (!dryRun) {
      if (isHalfMade(files, address)) checkNotManaged(files, address)
      await carryOutSteps(kernel, card, steps)
      if (steps.length > 0) {
        made = countMade(files, steps, card, count)
        await waitForFunctions(kernel, address, made, request, options.signal)
      }
      const isKept = kept.length > 0 || (made !== count && request.transient !== true && steps.length > 0)
      if (isKept)
        await withSettingsLock(kernel, () => keep(files, address, count, isForItsBoot ? count : made), options)
    }
    const { functions } = dryRun ? card : findPhysicalFunction(files, address)
    return { ...change, count: made, functions, changed: change.steps.length > 0 }
  }
  return dryRun ? run() : withLock(kernel, pciPath(address), run, options)
}

/** NOT_FOUND and NOT_SUPPORTED where there is no such card, or none with virtual functions. */
export function findPhysicalFunction(files: HostFiles, device: string): PhysicalFunction {
  const address = pciAddressOrNull(device)
  const found = address === null ? null : readPhysicalFunction(files, address)
  if (found !== null) return found
  if (address === null) {
    throw new VfioError('NOT_FOUND', `there is no PCI device '${printable(device)}'`, { hint: 'vfioctl sriov' })
  }
  checkOnPciBus(files, address)
  const above = physicalFunctionOf(files, address)
  const because = above === null ? 'it has no SR-IOV' : `it is a virtual function itself, of ${above}`
  throw new VfioError('NOT_SUPPORTED', `${address} cannot have virtual functions: ${because}`, {
    hint: above === null ? 'vfioctl sriov shows what can' : `vfioctl sriov ${above} COUNT`,
    facts: { device: address },
  })
}

/** NVIDIA's driver makes all virtual functions or none, by a script of its own, which may have been killed half way. */
function isManaged(files: HostFiles, { address, driver }: PhysicalFunction): boolean {
  return isNvidiaGpu(files, address) && (driver === 'nvidia' || isHalfMade(files, address))
}

export function checkedCount(files: HostFiles, card: PhysicalFunction, asked: number | 'all'): number {
  const count = asked === 'all' ? card.total : asked
  const { address, total } = card
  const facts = { device: address, count, total }
  if (!Number.isInteger(count) || count < 0 || count > total) {
    throw new VfioError('OUT_OF_RANGE', `${address} can have 0 to ${total} virtual functions, not ${count}`, { facts })
  }
  if (isManaged(files, card) && count !== 0 && !isSriovGpu(files, address)) {
    throw new VfioError(
      'NOT_SUPPORTED',
      `NVIDIA's driver makes no virtual functions of ${address}, though the card advertises them`,
      {
        hint: `its vGPUs are mediated devices of the card itself: vfioctl types -p ${address}`,
        facts,
      },
    )
  }
  if (isManaged(files, card) && count !== 0 && count !== total) {
    throw new VfioError('NOT_SUPPORTED', `NVIDIA's driver makes all ${total} virtual functions of ${address} or none`, {
      hint: `vfioctl sriov ${address} ${total}; each becomes a vGPU only where it is given a type`,
      facts,
    })
  }
  return count
}

/** None where the card has as many. One whose change was killed half way begins anew, with its driver and no functions. */
export function sriovSteps(files: HostFiles, card: PhysicalFunction, count: number): (WriteStep | RunStep)[] {
  const { address } = card
  if (isHalfMade(files, address)) {
    const enable = count > 0 ? [manageStep(address, true)] : []
    return [...driverBackSteps(files, address), manageStep(address, false), ...enable]
  }
  if (card.count === count || isAllThatComes(files, card, count)) return []
  // the kernel goes from one number to another only by way of none
  const counts = card.count > 0 && count > 0 ? [0, count] : [count]
  if (isManaged(files, card)) return counts.map((each) => manageStep(address, each > 0))
  const path = `${pciPath(address)}/sriov_numvfs`
  return counts.map((each) => ({ action: 'write', path, value: String(each) }))
}

/** Asking again would end those that there are, for the same ones. */
function isAllThatComes(files: HostFiles, { address, count: now }: PhysicalFunction, count: number): boolean {
  if (now === 0 || count === 0) return false
  const stored = sriovSettings.read(files, address)
  return stored?.count === count && stored.made === now
}

/** As many as there are by now: the kernel makes them before it answers a write, and some drivers make others than asked. */
function countMade(
  files: HostFiles,
  steps: readonly (WriteStep | RunStep)[],
  { address, driver }: PhysicalFunction,
  count: number,
): number {
  if (steps.some(({ action }) => action === 'run')) return count
  const made = readPhysicalFunction(files, address)?.count ?? count
  if (made > 0 || count === 0) return made
  throw new VfioError(
    'NOT_SUPPORTED',
    `the driver ${driver} took ${count} virtual functions for ${address}, and made none`,
    {
      hint: `dmesg | tail; lspci -ks ${address} shows its drivers`,
      facts: { device: address, count, made },
    },
  )
}

type WriteStep = Extract<Step, { action: 'write' }>
type RunStep = Extract<Step, { action: 'run' }>

/** Where the functions that there were are gone already, the error says so. */
async function carryOutSteps(
  kernel: Kernel,
  card: PhysicalFunction,
  steps: readonly (WriteStep | RunStep)[],
): Promise<void> {
  try {
    const subject = { name: card.address, card: pciPath(card.address) }
    for (const step of steps) await withKernelLog(kernel, subject, () => carryOut(kernel, card, step))
  } catch (error) {
    const now = readPhysicalFunction(kernel.files, card.address)
    if (!(error instanceof VfioError) || now === null || now.count === card.count) throw error
    const { address, count } = card
    const said = `${address} had ${count} virtual functions, and has ${now.count} now`
    throw withMore(error, said, { facts: { before: count, count: now.count } })
  }
}

async function carryOut(kernel: Kernel, card: PhysicalFunction, step: WriteStep | RunStep): Promise<void> {
  if (step.action === 'run') return manageSriov(kernel, card.address, step.arguments[0] === '-e')
  try {
    await kernel.files.write(step.path, step.value)
  } catch (cause) {
    throw writeRefused(card, step.value, cause)
  }
}

async function waitForFunctions(
  kernel: Kernel,
  address: PciAddress,
  count: number,
  { timeoutMs = defaultTimeoutMs }: SriovRequest,
  signal: AbortSignal | undefined,
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

/** What is not there yet, in words; null where all is. */
function missing(files: HostFiles, address: PciAddress, count: number): string | null {
  const card = readPhysicalFunction(files, address)
  if (card === null) return 'the device itself is not there'
  if (card.count !== count || card.functions.length !== count) {
    return `it has ${card.functions.length} virtual functions, not ${count}`
  }
  if (!isNvidiaGpu(files, address) || makesNoVgpus(card.driver)) return null
  const waiting = card.functions.filter((vf) => !offersVgpus(files, vf))
  return waiting.length === 0 ? null : `${waiting.length} of them, such as ${waiting[0]}, show no vGPU types`
}

/** As vendor-specific VFIO, or as a parent of mediated devices. */
function offersVgpus(files: HostFiles, address: PciAddress): boolean {
  return readVgpuFunction(files, address) !== null || parentsOf(files, address).length > 0
}

export function keepSteps(files: HostFiles, address: PciAddress, count: number): Step[] {
  const path = sriovSettings.path(address)
  if (count === 0) return files.kind(path) === null ? [] : [{ action: 'delete', path }]
  if (sriovSettings.readOrNone(files, address)?.count === count) return []
  return [{ action: 'save', path, content: sriovSettings.format({ count }) }]
}

function keep(files: HostFiles, address: PciAddress, count: number, made: number): void {
  if (count === 0) sriovSettings.delete(files, address)
  else sriovSettings.save(files, address, made === count ? { count } : { count, made })
}
