import { kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import { pciAddressOrNull } from '../../base/units.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import { findDeviceNode } from '../../host/device-node.ts'
import { type DriverBinding, overridePath, readBinding } from '../../host/driver-binding.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'
import { type HeldDevice, withDeviceLock } from '../device/device-lock.ts'
import type { PciSettings } from '../settings/pci-settings.ts'
import type { BindingOptions } from './binding-change.ts'
import { isSettingWrite, noSettingWrites, settingRefused, settingWrites } from './pci-settings.ts'

/** The write that lets only one driver take the device; null for any that knows it. */
export function overrideStep(device: BusDevice, driver: string | null): Write {
  return write(overridePath(device), driver ?? '\n')
}

/** The write that takes a device from its driver. */
export function unbindStep(device: BusDevice): Write {
  return write(`${devicePath(device)}/driver/unbind`, device.name)
}

/** The kernel offers the device to its drivers, as when it appeared. */
export function probeStep({ bus, name }: BusDevice): Write {
  return write(`/sys/bus/${bus}/drivers_probe`, name)
}

function write(path: string, value: string): Write {
  return { action: 'write', path, value }
}

/** A device as it was. */
export interface Earlier {
  readonly before: DriverBinding
  /** The settings that change, as they were; null for none. */
  readonly settingsBefore: PciSettings | null
}

/** The writes that change a device, and the error if the driver that has it after them will not do; null if it does. */
export interface DriverWrites extends Earlier {
  readonly writes: readonly Write[]
  readonly fault: (driver: string | null) => VfioError | null
}

/** Options of a change, and who hears of a setting that the kernel refused: then the rest goes on. */
export interface DriverOptions extends BindingOptions {
  /** The rule and the initramfs of what is early are left to a later change, which makes them for all. */
  readonly earlyLater?: boolean
  readonly onRefusedSetting?: (error: VfioError) => void
}

/**
 * Makes the writes; returns the driver that has the device then. If one fails, `fault` finds one with that driver, or
 * the signal says to stop, the device is given back to the driver that it had, with the settings that it had.
 */
export async function changeDriver(
  kernel: Kernel,
  change: DriverWrites,
  options: DriverOptions,
): Promise<string | null> {
  const { before, writes, fault } = change
  const { device } = before
  try {
    for (const step of writes) {
      if (options.signal?.aborted === true)
        throw new VfioError('INTERRUPTED', `interrupted while ${shownDevice(device)} was bound`)
      if (isSettingWrite(step)) await set(kernel, before, step, options)
      else await make(kernel, before, step, options)
    }
    const { driver } = readBinding(kernel.files, device)
    const failure = fault(driver)
    if (failure !== null) throw failure
    return driver
  } catch (error) {
    throw await afterGivingBack(kernel, change, changeFailed(device, error), options)
  }
}

/** Back to the driver, the override and the settings that it had. */
export async function giveBack(
  kernel: Kernel,
  { before, settingsBefore }: Earlier,
  options: BindingOptions,
): Promise<void> {
  const { device, driver, override } = before
  const now = readBinding(kernel.files, device)
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  const settings =
    address === null ? noSettingWrites : settingWrites(kernel.files, address, settingsBefore, now.driver !== driver)
  const isOther = now.driver !== driver || settings.resizes.length > 0
  const undo = [
    ...(now.override === override ? [] : [overrideStep(device, override)]),
    ...(now.driver === null || !isOther ? [] : [unbindStep(device)]),
    ...settings.before,
    ...settings.resizes,
    ...(driver === null || !isOther ? [] : [write(`${busNamed(device.bus).drivers}/${driver}/bind`, device.name)]),
    ...settings.after,
  ]
  for (const step of undo) await make(kernel, now, step, options)
}

async function afterGivingBack(
  kernel: Kernel,
  earlier: Earlier,
  error: VfioError,
  options: BindingOptions,
): Promise<VfioError> {
  const { before } = earlier
  try {
    await giveBack(kernel, earlier, options)
    return withMore(error, `${readBinding(kernel.files, before.device).driver ?? 'no driver'} has it now`)
  } catch (second) {
    const was = before.driver ?? 'no driver'
    return withMore(error, `and giving it back to ${was} failed: ${kernelAnswer(second)}`, {
      hint: `ls -l ${devicePath(before.device)}/driver shows which driver has it; dmesg | tail`,
      facts: { device: before.device.name, driver: before.driver },
    })
  }
}

/** One setting. If the kernel refuses it, that is told to whoever hears it, or thrown. */
async function set(kernel: Kernel, before: DriverBinding, step: Write, options: DriverOptions): Promise<void> {
  try {
    await make(kernel, before, step, options)
  } catch (cause) {
    const error = settingRefused(shownDevice(before.device), step, cause)
    if (options.onRefusedSetting === undefined) throw error
    options.onRefusedSetting(error)
  }
}

/** One write. Taking a device from VFIO waits for whoever has it open, so nobody may have, or get it meanwhile. */
async function make(
  kernel: Kernel,
  before: DriverBinding,
  { path, value }: Write,
  { onMessage: said }: BindingOptions,
): Promise<void> {
  const { device, driver } = before
  const isUnbind = path.endsWith('/unbind')
  const what = isUnbind
    ? `${driver} has not let go of ${shownDevice(device)}`
    : `the kernel has not answered a write to ${path}`
  const work = () => sayWhileWaiting(kernel.files.write(path, value), () => said?.(`still waiting: ${what}`))
  await (isUnbind ? withDeviceLock(kernel, heldDevice(kernel, before), work) : work())
}

/** The device as VFIO's users would have it open. */
export function heldDevice({ files }: Pick<Kernel, 'files'>, { device, driver, group }: DriverBinding): HeldDevice {
  const nodes = group === null ? [] : [`/dev/vfio/${group}`, `/dev/vfio/noiommu-${group}`]
  return {
    name: device.name,
    node: nodes.find((node) => files.kind(node) === 'device') ?? null,
    deviceNode: findDeviceNode(files, { group, name: device.name })?.path ?? null,
    attempt: `cannot take ${shownDevice(device)} from ${driver}`,
  }
}

function changeFailed(device: BusDevice, error: unknown): VfioError {
  if (error instanceof VfioError) return error
  return refusedByKernel(`cannot change the driver of ${shownDevice(device)}`, error, {
    hint: 'dmesg | tail, for what the driver says',
    facts: { device: device.name },
  })
}

/** The time until an unfinished write is reported, and between later reports, in milliseconds. */
const first = 2_000
const again = 10_000

/** Waits for work that nothing can hurry, and says so now and then. */
export async function sayWhileWaiting<T>(work: Promise<T>, say: () => void): Promise<T> {
  let timer = setTimeout(function sayAgain() {
    say()
    timer = setTimeout(sayAgain, again)
  }, first)
  try {
    return await work
  } finally {
    clearTimeout(timer)
  }
}
