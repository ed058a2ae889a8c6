import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { checkedDriver } from '../../host/driver-name.ts'
import { iommuGroups } from '../../host/iommu-groups.ts'
import { type PciBinding, pciDrivers } from '../../host/pci-binding.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { type KeptBinding, keptBindings } from '../settings/bindings.ts'
import type { BindingChange, BindingOptions, BindingRequest } from './binding-change.ts'
import { carryOut, type Turn } from './carry-out.ts'
import { overrideStep, probeStep, unbindStep } from './change-driver.ts'
import { members } from './members.ts'
import { nextBootLines } from './next-boot.ts'

/** In place of a driver: none has the device, and none may take it. No driver has that name, so the override keeps it so. */
export const noDriver = 'none'

/** PCI devices to bind, and the driver they get. */
export interface BindRequest extends BindingRequest {
  /** 'vfio-pci' where absent; 'none' takes it from the one that it has, and keeps all others away. */
  readonly driver?: string
  /** Not at the next boots: nothing is kept. */
  readonly transient?: boolean
}

/**
 * Gives a PCI device to a driver, or to none, and keeps that for the next boots. One that the driver has already is no
 * change. Where one device of a group fails, those before it are given back.
 */
export async function bind(
  kernel: Kernel,
  request: BindRequest,
  options: BindingOptions = {},
): Promise<readonly BindingChange[]> {
  const changes = await carryOut(kernel, () => bindingTurns(kernel.files, request), options)
  if (request.transient === true) return changes
  for (const { device } of changes) {
    for (const line of nextBootLines(kernel.files, device, request.driver ?? 'vfio-pci')) options.onMessage?.(line)
  }
  return changes
}

/** What it comes to, device by device. */
export function bindingTurns(
  files: HostFiles,
  { device, driver = 'vfio-pci', group = false, transient = false }: BindRequest,
): Turn[] {
  checkDriver(files, driver)
  return members(files, device, group).map((before) => turnTo(files, before, driver, transient))
}

function turnTo(files: HostFiles, before: PciBinding, driver: string, transient: boolean): Turn {
  const { address } = before
  if (before.isBridge && driver === 'vfio-pci') throw isBridge(address)
  const kept = transient ? null : bindingToKeep(files, address, driver)
  const to = driver === noDriver ? null : driver
  return {
    before,
    to,
    writes: isSo(before, driver) ? [] : bindingSteps(before, driver),
    keeping:
      kept === null ? null : { action: 'save', path: keptBindings.path(address), content: keptBindings.format(kept) },
    keep: () => {
      if (kept !== null) keptBindings.save(files, address, kept)
    },
    fault: (now) => (now === to ? null : to === null ? tookIt(before, now) : didNotTake(files, before, to)),
  }
}

function isSo({ driver: has, override }: PciBinding, driver: string): boolean {
  return driver === noDriver ? has === null && override === noDriver : has === driver
}

/** The override first, so that no other driver can come in between. */
export function bindingSteps(before: PciBinding, driver: string): Write[] {
  return [
    ...(before.override === driver ? [] : [overrideStep(before, driver)]),
    ...(before.driver === null ? [] : [unbindStep(before)]),
    ...(driver === noDriver ? [] : [probeStep(before)]),
  ]
}

/** NOT_FOUND for one that is not loaded. */
export function checkDriver(files: HostFiles, driver: string): void {
  if (driver === noDriver) return
  if (files.kind(`${pciDrivers}/${checkedDriver(driver)}`) !== null) return
  throw new VfioError(
    'NOT_FOUND',
    `there is no PCI driver ${driver}: its module is not loaded, or it has another name`,
    {
      path: `${pciDrivers}/${driver}`,
      hint: `modprobe ${driver}; ls ${pciDrivers}`,
      facts: { driver },
    },
  )
}

/** Null where it is kept already. */
function bindingToKeep(files: HostFiles, address: PciAddress, driver: string): KeptBinding | null {
  const { vendor, device } = readPciIds(files, address, [])
  if (vendor === null || device === null) {
    throw new VfioError('MALFORMED_REPLY', `sysfs does not say what ${address} is`, { facts: { device: address } })
  }
  const wanted = { driver, vendor, device }
  const stored = keptBindings.readOrNone(files, address)
  return stored !== null && keptBindings.format(stored) === keptBindings.format(wanted) ? null : wanted
}

function isBridge(address: PciAddress): VfioError {
  return new VfioError('NOT_SUPPORTED', `${address} is a bridge, which vfio-pci does not take`, {
    hint: 'a group is viable beside a bridge with pcieport, or with no driver; name the devices behind it',
    facts: { device: address },
  })
}

function tookIt({ address }: PciBinding, now: string | null): VfioError {
  return new VfioError('NOT_SUPPORTED', `${address} was taken from its driver, and ${now} took it all the same`, {
    hint: `something binds it by hand: driverctl list-overrides; grep -r ${address} /etc`,
    facts: { device: address, driver: now },
  })
}

function didNotTake(files: HostFiles, { address, group }: PciBinding, wanted: string): VfioError {
  const [why, hint] =
    group === null && wanted.includes('vfio')
      ? withoutIommu(files)
      : ['the driver refused it', 'dmesg | tail, for what the driver says']
  return new VfioError('NOT_SUPPORTED', `${wanted} did not take ${address}: ${why}`, {
    hint,
    facts: { device: address, driver: wanted, group },
  })
}

/** Groups of others tell that an IOMMU is at work, and not in front of this one. */
function withoutIommu(files: HostFiles): readonly [why: string, hint: string] {
  if (files.kind(iommuGroups) === null || files.list(iommuGroups).length === 0) {
    return ['no IOMMU is on', 'intel_iommu=on on the kernel command line, or VT-d/AMD-Vi in the firmware’s setup']
  }
  return [
    'the IOMMU of this machine is on, and not in front of this device',
    'vfioctl groups shows which devices are isolated; dmesg | grep -iE "dmar|iommu", for units that were left out',
  ]
}
