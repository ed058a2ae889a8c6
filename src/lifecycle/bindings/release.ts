import { VfioError } from '../../errors.ts'
import type { PciBinding } from '../../host/pci-binding.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { keptBindings } from '../settings/bindings.ts'
import type { BindingChange, BindingOptions, BindingRequest } from './binding-change.ts'
import { carryOut, type Turn } from './carry-out.ts'
import { overrideStep, probeStep, unbindStep, type Write } from './change-driver.ts'
import { members } from './members.ts'

/** Drivers that know no device of their own: whoever has one was told to. */
const borrowers = new Set(['vfio-pci', 'pci-stub', 'pci-pf-stub', 'uio_pci_generic'])

/**
 * Gives a PCI device back to whichever driver knows it, and keeps nothing of it for the next boots. One that nobody took
 * away is no change.
 */
export async function release(
  kernel: Kernel,
  { device, group = false }: BindingRequest,
  options: BindingOptions = {},
): Promise<readonly BindingChange[]> {
  const { files } = kernel
  return carryOut(kernel, () => members(files, device, group).map((before) => turnBack(files, before)), options)
}

function turnBack(files: HostFiles, before: PciBinding): Turn {
  const path = keptBindings.path(before.address)
  const isKept = files.kind(path) !== null
  const writes = releaseSteps(before, isKept)
  return {
    before,
    to: writes.some(({ path }) => path === probeStep(before).path) ? null : before.driver,
    writes,
    keeping: isKept ? { action: 'delete', path } : null,
    keep: () => keptBindings.delete(files, before.address),
    fault: (now) => takenAgain(files, before, now),
  }
}

/** A driver that the device did not get by an override, and that knows devices of its own, keeps it. */
function releaseSteps(before: PciBinding, isKept: boolean): Write[] {
  const { driver, override } = before
  const clear = override === null ? [] : [overrideStep(before, null)]
  const isBorrowed = driver !== null && (borrowers.has(driver) || override === driver)
  if (isBorrowed) return [...clear, unbindStep(before), probeStep(before)]
  const wasBegun = driver === null && (override !== null || isKept)
  return wasBegun ? [...clear, probeStep(before)] : clear
}

function takenAgain(files: HostFiles, { address, driver }: PciBinding, now: string | null): VfioError | null {
  if (now === null || now !== driver || !borrowers.has(now)) return null
  const { vendor, device } = readPciIds(files, address, [])
  const ids = `${vendor?.slice(2)} ${device?.slice(2)}`
  return new VfioError('NOT_SUPPORTED', `${now} took ${address} again: its id was added to that driver (${ids})`, {
    hint: `echo ${ids} > /sys/bus/pci/drivers/${now}/remove_id; grep -r ids= /etc/modprobe.d`,
    facts: { device: address, driver: now },
  })
}
