import { asVfioError, kernelAnswer, withMore } from '../../base/errors.ts'
import { modulesFor, nativeModules } from '../../host/built-in-driver.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Run, Step } from '../change/change.ts'
import { earlyNotes } from '../early/check-early.ts'
import { earlyWords } from '../early/early-words.ts'
import { type EarlyPlan, planEarly } from '../early/plan-early.ts'
import { setEarly } from '../early/set-early.ts'
import { withLock } from '../files/lock.ts'
import { withSettingsLock } from '../settings/settings.ts'
import { type RecordChange, record, recordStep } from './before-record.ts'
import { loadInWords, loadsBeforeUdev } from './before-udev.ts'
import type { BindingChange, BindingOptions, BindingRequest } from './binding-change.ts'
import { changeDriver, type DriverOptions, type DriverWrites, giveBack } from './change-driver.ts'
import { checkFree } from './check-free.ts'
import { earlyDevices } from './early-devices.ts'
import { afterScreenBack, giveScreenBack, type LostScreen, releaseScreen, screenUses } from './host-screen.ts'
import { type KeptChange, keep, keepingStep, keptBefore } from './kept-change.ts'
import { isSettingWrite } from './pci-settings.ts'

/** The change of driver that one device is to have. */
export interface DriverChange extends DriverWrites {
  /** The driver that it comes to; null if that is the kernel's choice, or none. */
  readonly to: string | null
  /** The program that loads the driver's module, or that has loaded it; null for none. */
  readonly load: Run | null
  /** The host's screen on the device, which the host loses by the change; null if there is none. */
  readonly screen: LostScreen | null
  /** The driver that takes it from its own at the next boot, and not before; null for none, or now. */
  readonly waitsFor: string | null
  /** The change of what is recorded of earlier settings until the next boot; null for none. */
  readonly recording: RecordChange | null
  /** The change of what is kept for the next boots; null for none. */
  readonly keeping: KeptChange | null
  /**
   * True if it is to have the driver before others see it: then what the host uses is not taken, whatever is forced.
   */
  readonly isEarly: boolean
  /** True if the rule and the initramfs for that may have to change. */
  readonly touchesEarly: boolean
}

/** Throws if a device that turned out to share the IOMMU group of one that had none before may not be changed. */
export type CheckLate = (late: readonly DriverChange[]) => void

/**
 * Changes device after device, as the only vfioctl that does; what is kept for the next boots comes last. A device may
 * get its IOMMU group with its driver: with `group`, the rest of that follows. If one fails, those before it are given
 * back.
 */
export async function carryOutChanges(
  kernel: Kernel,
  { device, group = false }: BindingRequest,
  changes: () => Promise<readonly DriverChange[]> | readonly DriverChange[],
  options: DriverOptions,
  checkLate: CheckLate = () => {},
): Promise<readonly BindingChange[]> {
  if (options.dryRun === true) {
    const planned = await changes()
    checkAll(kernel, planned, options)
    if (group) sayWhatIsUnknown(planned, options)
    const early = earlyPlan(kernel, planned)
    return withEarlySteps(
      planned.map((change) => changeOf(change, change.to, true)),
      early,
    )
  }
  const late = async (made: readonly Made[]) => {
    if (!group || !made.some(({ change }) => change.before.group === null)) return []
    const already = new Set(made.map(({ change }) => shownDevice(change.before.device)))
    const found = (await changes()).filter(({ before }) => !already.has(shownDevice(before.device)))
    checkLate(found)
    return found
  }
  const buses = new Set([device].flat().map((one) => parseBusDevice(one).bus))
  return withLocks(
    kernel,
    [...buses].sort().map((bus) => busNamed(bus).drivers),
    async () => {
      const made = await changeDrivers(kernel, await changes(), late, options)
      const all = made.map(({ change }) => change)
      const early = await keepAndRecord(kernel, all, options).catch(async (error) => {
        await giveBackAll(kernel, all, options, error)
        throw error
      })
      return withEarlySteps(
        made.map(({ change, driver }) => changeOf(change, driver, false)),
        early,
      )
    },
    options,
  )
}

/** Records the earlier settings first, and as they were if keeping fails. */
async function keepAndRecord(
  kernel: Kernel,
  changes: readonly DriverChange[],
  options: DriverOptions,
): Promise<EarlyPlan | null> {
  const { files } = kernel
  const done: RecordChange[] = []
  try {
    for (const { recording } of changes) {
      if (recording === null) continue
      done.push(recording)
      record(files, recording)
    }
    return await keepAll(kernel, changes, options)
  } catch (error) {
    for (const change of done.toReversed()) record(files, { ...change, value: change.was })
    throw error
  }
}

/**
 * Keeps the changes for the next boots, with what early binding takes; if that fails, what was kept before is kept
 * again.
 */
async function keepAll(
  kernel: Kernel,
  changes: readonly DriverChange[],
  options: DriverOptions,
): Promise<EarlyPlan | null> {
  const { files } = kernel
  const kept = changes.flatMap(({ keeping }) => keeping ?? [])
  if (kept.length === 0 && !changes.some(({ touchesEarly }) => touchesEarly)) return null
  const work = async () => {
    const early = options.earlyLater === true ? null : earlyPlan(kernel, changes)
    const done: KeptChange[] = []
    try {
      for (const change of kept) {
        done.push(change)
        keep(files, change)
      }
      if (early === null) return null
      if (early.steps.length > 0) await setEarly(kernel, early, options)
    } catch (error) {
      for (const change of done.toReversed()) keep(files, keptBefore(change))
      throw error
    }
    const notes = changes.flatMap(({ before, isEarly, touchesEarly }) => {
      return isEarly && touchesEarly ? [...earlyNotes(files, before), ...comesFirst(files, before)] : []
    })
    for (const line of [...notes, ...earlyWords(kernel, early)]) options.onMessage?.(line)
    return early
  }
  return withSettingsLock(kernel, work, options)
}

/** Notes on what loads a device's own driver before the rule counts. */
function comesFirst(files: HostFiles, { device: { name }, driver }: DriverBinding): string[] {
  const modules = [...nativeModules(files, driver), ...(modulesFor(files, name) ?? [])]
  return loadsBeforeUdev(files, modules).map((load) => `${loadInWords(load, name)}: ${load.mend}`)
}

/** Null if the changes have no part in early binding. */
function earlyPlan({ files, runsPrograms }: Kernel, changes: readonly DriverChange[]): EarlyPlan | null {
  if (!changes.some(({ touchesEarly }) => touchesEarly)) return null
  const kept = changes.flatMap(({ keeping }) => keeping ?? [])
  return planEarly(files, earlyDevices(files, kept), runsPrograms)
}

/** Adds the steps of early binding to the last change: it is one for all devices. */
function withEarlySteps(changes: readonly BindingChange[], early: EarlyPlan | null): readonly BindingChange[] {
  const last = changes.at(-1)
  if (early === null || early.steps.length === 0 || last === undefined) return changes
  return [...changes.slice(0, -1), { ...last, changed: true, steps: [...last.steps, ...early.steps] }]
}

/** A change that was made, and the driver that the device has come to. */
interface Made {
  readonly change: DriverChange
  readonly driver: string | null
}

function sayWhatIsUnknown(changes: readonly DriverChange[], { onMessage: said }: BindingOptions): void {
  for (const { before, writes } of changes) {
    if (before.group !== null || writes.length === 0) continue
    const shown = shownDevice(before.device)
    said?.(`${shown} is in no IOMMU group yet: what else turns out to be in it, once a driver has it, follows`)
  }
}

/** One lock for the drivers of each bus, always in one order. */
function withLocks<T>(
  kernel: Kernel,
  [first, ...others]: readonly string[],
  work: () => Promise<T>,
  options: BindingOptions,
): Promise<T> {
  if (first === undefined) return work()
  return withLock(kernel, first, () => withLocks(kernel, others, work, options), options)
}

function checkAll(kernel: Kernel, changes: readonly DriverChange[], options: BindingOptions): void {
  for (const { before, writes, isEarly, screen, waitsFor } of changes) {
    const waits = waitsFor !== null
    if (!waits && writes.every(isSettingWrite)) continue
    checkFree(kernel, before, options, { isEarly, waits, others: screenUses(screen, waits) })
  }
}

async function changeDrivers(
  kernel: Kernel,
  first: readonly DriverChange[],
  late: (made: readonly Made[]) => Promise<readonly DriverChange[]>,
  options: DriverOptions,
): Promise<readonly Made[]> {
  const made: Made[] = []
  try {
    for (let changes = first; changes.length > 0; changes = await late(made)) {
      checkAll(kernel, changes, options)
      for (const change of changes) {
        made.push({ change, driver: await makeChange(kernel, change, options) })
      }
    }
    return made
  } catch (error) {
    const changes = made.map(({ change }) => change)
    await giveBackAll(kernel, changes, options, error)
    throw error
  }
}

/** The driver that the device comes to. The host lets go of its screen first, and has it again if the rest fails. */
async function makeChange(kernel: Kernel, change: DriverChange, options: DriverOptions): Promise<string | null> {
  const { before, screen, writes } = change
  await releaseScreen(kernel, screen, options)
  if (writes.length === 0) return before.driver
  try {
    return await changeDriver(kernel, change, options)
  } catch (error) {
    throw await afterScreenBack(kernel, screen, asVfioError(error))
  }
}

async function giveBackAll(kernel: Kernel, changes: readonly DriverChange[], options: BindingOptions, error: unknown) {
  for (const change of changes.toReversed()) {
    try {
      if (change.writes.length > 0) await giveBack(kernel, change, options)
      const lost = await giveScreenBack(kernel, change.screen)
      if (lost !== null) options.onMessage?.(lost)
    } catch (second) {
      const { device, driver } = change.before
      const shown = shownDevice(device)
      const left = `${shown} could not be given back to ${driver ?? 'no driver'}: ${kernelAnswer(second)}`
      throw withMore(asVfioError(error), `and ${left}`, {
        code: 'APPLY_INCOMPLETE',
        hint: device.bus === 'pci' ? `lspci -ks ${device.name}` : `vfioctl groups ${shown}`,
        facts: { device: device.name, driver },
      })
    }
  }
}

/** All that is done for a change of one device, in order. */
export function stepsOf({ load, screen, writes, recording, keeping }: DriverChange): Step[] {
  const recordSteps = recording === null ? [] : [recordStep(recording)]
  const keepingSteps = keeping === null ? [] : [keepingStep(keeping)]
  return [...(load === null ? [] : [load]), ...(screen?.release ?? []), ...writes, ...recordSteps, ...keepingSteps]
}

function changeOf(change: DriverChange, to: string | null, dryRun: boolean): BindingChange {
  const { before } = change
  const steps = stepsOf(change)
  const { bus, name } = before.device
  return { bus, device: name, from: before.driver, to, changed: steps.length > 0, dryRun, steps }
}
