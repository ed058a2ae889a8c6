import { kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { findDeviceNode } from '../../host/device-node.ts'
import { type PciBinding, pciDrivers, readPciBinding } from '../../host/pci-binding.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'
import { type HeldDevice, withDeviceLock } from '../device/device-lock.ts'
import type { BindingOptions } from './binding-change.ts'

/** Which driver alone may take the device; null for whichever knows it. */
export function overrideStep({ address }: Pick<PciBinding, 'address'>, driver: string | null): Write {
  return write(`${pciDevices}/${address}/driver_override`, driver ?? '\n')
}

/** The write that takes a device from its driver. */
export function unbindStep({ address }: Pick<PciBinding, 'address'>): Write {
  return write(`${pciDevices}/${address}/driver/unbind`, address)
}

/** The kernel offers the device to its drivers, as when it appeared. */
export function probeStep({ address }: Pick<PciBinding, 'address'>): Write {
  return write('/sys/bus/pci/drivers_probe', address)
}

function write(path: string, value: string): Write {
  return { action: 'write', path, value }
}

/**
 * Makes the writes; returns the driver that has the device then. Where one fails, `fault` finds one with that driver, or
 * the signal says to stop, the device is given back to the driver that it had.
 */
export async function changeDriver(
  kernel: Kernel,
  before: PciBinding,
  steps: readonly Write[],
  options: BindingOptions,
  fault: (driver: string | null) => VfioError | null,
): Promise<string | null> {
  const { address } = before
  try {
    for (const step of steps) {
      if (options.signal?.aborted === true) throw new VfioError('INTERRUPTED', `interrupted while ${address} was bound`)
      await make(kernel, before, step, options)
    }
    const { driver } = readPciBinding(kernel.files, address)
    const failure = fault(driver)
    if (failure !== null) throw failure
    return driver
  } catch (error) {
    throw await afterGivingBack(kernel, before, changeFailed(address, error), options)
  }
}

/** Back to the driver and the override that it had. */
export async function giveBack(kernel: Kernel, before: PciBinding, options: BindingOptions): Promise<void> {
  const { address, driver, override } = before
  const now = readPciBinding(kernel.files, address)
  const undo = [
    ...(now.override === override ? [] : [overrideStep(before, override)]),
    ...(now.driver === null || now.driver === driver ? [] : [unbindStep(before)]),
    ...(driver === null || now.driver === driver ? [] : [write(`${pciDrivers}/${driver}/bind`, address)]),
  ]
  for (const step of undo) await make(kernel, now, step, options)
}

async function afterGivingBack(
  kernel: Kernel,
  before: PciBinding,
  error: VfioError,
  options: BindingOptions,
): Promise<VfioError> {
  try {
    await giveBack(kernel, before, options)
    return withMore(error, `${readPciBinding(kernel.files, before.address).driver ?? 'no driver'} has it now`)
  } catch (second) {
    const was = before.driver ?? 'no driver'
    return withMore(error, `and giving it back to ${was} failed: ${kernelAnswer(second)}`, {
      hint: `lspci -ks ${before.address} shows which driver has it; dmesg | tail`,
      facts: { device: before.address, driver: before.driver },
    })
  }
}

/** One write. Taking a device from VFIO waits for whoever has it open, so nobody may have, or get it meanwhile. */
async function make(
  kernel: Kernel,
  before: PciBinding,
  { path, value }: Write,
  { onMessage: said }: BindingOptions,
): Promise<void> {
  const { address, driver } = before
  const isUnbind = path.endsWith('/unbind')
  const what = isUnbind ? `${driver} has not let go of ${address}` : `the kernel has not answered a write to ${path}`
  const work = () => sayWhileWaiting(kernel.files.write(path, value), () => said?.(`still waiting: ${what}`))
  await (isUnbind ? withDeviceLock(kernel, heldPci(kernel, before), work) : work())
}

/** The device as VFIO's users would have it open. */
export function heldPci({ files }: Pick<Kernel, 'files'>, { address, driver, group }: PciBinding): HeldDevice {
  const nodes = group === null ? [] : [`/dev/vfio/${group}`, `/dev/vfio/noiommu-${group}`]
  return {
    name: address,
    node: nodes.find((node) => files.kind(node) === 'device') ?? null,
    deviceNode: findDeviceNode(files, { group, name: address })?.path ?? null,
    attempt: `cannot take ${address} from ${driver}`,
  }
}

function changeFailed(address: PciAddress, error: unknown): VfioError {
  if (error instanceof VfioError) return error
  return refusedByKernel(`cannot change the driver of ${address}`, error, {
    hint: 'dmesg | tail, for what the driver says',
    facts: { device: address },
  })
}

/** How long a write may take before somebody wonders, and how often it is said again, in milliseconds. */
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
