import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { type BusName, busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import { checkedDriver } from '../../host/driver-name.ts'
import { iommuAdvice } from '../../host/iommu-advice.ts'
import { iommuGroups } from '../../host/iommu-groups.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { readOrNull } from '../../host/sysfs/readable.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { bindingName, type KeptBinding, keptBindings } from '../settings/bindings.ts'
import type { BindingChange, BindingOptions, BindingRequest } from './binding-change.ts'
import { overrideStep, probeStep, unbindStep } from './change-driver.ts'
import { type CheckLate, carryOutChanges, type DriverChange } from './driver-changes.ts'
import { members } from './members.ts'
import { nextBootLines } from './next-boot.ts'

/** In place of a driver: none has the device, and none may take it. No driver has that name, so the override keeps it so. */
export const noDriver = 'none'

/** Devices to bind, and the driver they get. */
export interface BindRequest extends BindingRequest {
  /** That of VFIO on the device's bus if absent ('vfio-pci', 'vfio_ccw'); 'none' takes it from the one that it has, and keeps all others away. */
  readonly driver?: string
  /** Not at the next boots: nothing is kept. */
  readonly transient?: boolean
}

/**
 * Gives a device to a driver, or to none, and keeps that for the next boots. One that the driver has already is no
 * change. If one device of a group fails, those before it are given back. `checkLate` hears of what turns out to share
 * the group of a device that had none before.
 */
export async function bind(
  kernel: Kernel,
  request: BindRequest,
  options: BindingOptions = {},
  checkLate?: CheckLate,
): Promise<readonly BindingChange[]> {
  const asked = () => driverChanges(kernel.files, request)
  const changes = await carryOutChanges(kernel, request, asked, options, checkLate)
  if (request.transient === true) return changes
  for (const { bus, device: name } of changes) {
    const driver = request.driver ?? vfioDriver(bus)
    for (const line of nextBootLines(kernel.files, { bus, name }, driver)) options.onMessage?.(line)
  }
  return changes
}

/** The driver changes of a request, device by device. */
export function driverChanges(
  files: HostFiles,
  { device, driver, group = false, transient = false }: BindRequest,
): DriverChange[] {
  return members(files, device, group).map((before) => {
    const { bus } = before.device
    const wanted = driver ?? vfioDriver(bus)
    checkDriver(files, bus, wanted)
    return changeTo(files, before, wanted, transient)
  })
}

/** The driver that gives a bus's devices to VFIO. */
export function vfioDriver(bus: BusName): string {
  return busNamed(bus).vfioDriver ?? noDriver
}

function changeTo(files: HostFiles, before: DriverBinding, driver: string, transient: boolean): DriverChange {
  const { device } = before
  if (before.isBridge && driver === 'vfio-pci') throw isBridge(device)
  const kept = transient ? null : bindingToKeep(files, device, driver)
  const name = bindingName(device)
  const to = driver === noDriver ? null : driver
  return {
    before,
    to,
    writes: isBoundTo(before, driver) ? [] : bindingSteps(before, driver),
    keeping:
      kept === null ? null : { action: 'save', path: keptBindings.path(name), content: keptBindings.format(kept) },
    keep: () => {
      if (kept !== null) keptBindings.save(files, name, kept)
    },
    fault: (now) => (now === to ? null : to === null ? tookIt(before, now) : didNotTake(files, before, to)),
  }
}

function isBoundTo({ driver: has, override }: DriverBinding, driver: string): boolean {
  return driver === noDriver ? has === null && override === noDriver : has === driver
}

/** The override first, so that no other driver can come in between. */
export function bindingSteps(before: DriverBinding, driver: string): Write[] {
  return [
    ...(before.override === driver ? [] : [overrideStep(before.device, driver)]),
    ...(before.driver === null ? [] : [unbindStep(before.device)]),
    ...(driver === noDriver ? [] : [probeStep(before.device)]),
  ]
}

/** NOT_FOUND for one that is not loaded. */
export function checkDriver(files: HostFiles, bus: BusName, driver: string): void {
  if (driver === noDriver) return
  const { drivers } = busNamed(bus)
  if (files.kind(`${drivers}/${checkedDriver(driver)}`) !== null) return
  const what = bus === 'pci' ? `PCI driver ${driver}` : `driver ${driver} on the bus ${bus}`
  throw new VfioError('NOT_FOUND', `there is no ${what}: its module is not loaded, or it has another name`, {
    path: `${drivers}/${driver}`,
    hint: `modprobe ${driver}; ls ${drivers}`,
    facts: { driver },
  })
}

/** Null if it is kept already. */
function bindingToKeep(files: HostFiles, device: BusDevice, driver: string): KeptBinding | null {
  const wanted = whatToKeep(files, device, driver)
  const stored = keptBindings.readOrNone(files, bindingName(device))
  return stored !== null && keptBindings.format(stored) === keptBindings.format(wanted) ? null : wanted
}

function whatToKeep(files: HostFiles, { bus, name }: BusDevice, driver: string): KeptBinding {
  if (bus !== 'pci') return { bus, driver, modalias: readModalias(files, { bus, name }) }
  const { vendor, device } = readPciIds(files, name, [])
  if (vendor !== null && device !== null) return { driver, vendor, device }
  throw new VfioError('MALFORMED_REPLY', `sysfs does not say what ${name} is`, { facts: { device: name } })
}

/** The modalias of a device on any bus, which its drivers match; null if it has none. */
export function readModalias(files: HostFiles, device: BusDevice): string | null {
  const text = readOrNull(files, `${devicePath(device)}/modalias`)?.trim() ?? ''
  return text === '' ? null : printable(text)
}

function isBridge({ name }: BusDevice): VfioError {
  return new VfioError('NOT_SUPPORTED', `${name} is a bridge, which vfio-pci does not take`, {
    hint: 'a group is viable beside a bridge with pcieport, or with no driver; name the devices behind it',
    facts: { device: name },
  })
}

function tookIt({ device }: DriverBinding, now: string | null): VfioError {
  return new VfioError(
    'NOT_SUPPORTED',
    `${shownDevice(device)} was taken from its driver, and ${now} took it all the same`,
    {
      hint: `something binds it by hand: driverctl list-overrides; grep -r ${device.name} /etc`,
      facts: { device: device.name, driver: now },
    },
  )
}

function didNotTake(files: HostFiles, { device, group }: DriverBinding, wanted: string): VfioError {
  const [why, hint] =
    group === null && wanted.includes('vfio') && busNamed(device.bus).opens === 'device'
      ? withoutIommu(files)
      : ['the driver refused it', 'dmesg | tail, for what the driver says']
  return new VfioError('NOT_SUPPORTED', `${wanted} did not take ${shownDevice(device)}: ${why}`, {
    hint,
    facts: { device: device.name, driver: wanted, group },
  })
}

/** Groups of others tell that an IOMMU is at work, and not in front of this one. */
function withoutIommu(files: HostFiles): readonly [why: string, hint: string] {
  if (files.kind(iommuGroups) === null || files.list(iommuGroups).length === 0) {
    const { why, hint } = iommuAdvice(files)
    return [why, hint]
  }
  return [
    'the IOMMU of this machine is on, and not in front of this device',
    'vfioctl groups shows which devices are isolated; dmesg | grep -iE "dmar|iommu|smmu", for units that were left out',
  ]
}
