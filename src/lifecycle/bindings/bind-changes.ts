import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import { bridgeRefused, type DriverBinding } from '../../host/driver-binding.ts'
import { iommuAdvice } from '../../host/iommu-advice.ts'
import { iommuGroups } from '../../host/iommu-groups.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { readOrNull } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { bindingName, type KeptBinding, keptBindings } from '../settings/bindings.ts'
import type { BindRequest } from './binding-change.ts'
import { overrideStep, probeStep, unbindStep } from './change-driver.ts'
import type { DriverChange } from './driver-changes.ts'
import { members } from './members.ts'
import { givesToVfio, noDriver, type WantedDriver, WantedDrivers } from './wanted-driver.ts'

/** The change of driver that one device is to have, for a wish. */
export interface BindChange extends DriverChange {
  /** Its driver in the end; `none` for no driver. */
  readonly wanted: string
  /** The wish to keep: that name, or `best`. */
  readonly kept: string
}

/** The driver changes of a request, device by device. Throws as `WantedDrivers` does. */
export function driverChanges(
  files: HostFiles,
  { device, driver: asked, group = false, transient = false }: BindRequest,
  drivers: WantedDrivers = new WantedDrivers(files),
): BindChange[] {
  return members(files, device, group).map((before) =>
    changeTo(files, before, drivers.of(before.device, asked), transient),
  )
}

function changeTo(files: HostFiles, before: DriverBinding, wanted: WantedDriver, transient: boolean): BindChange {
  const { device } = before
  const { driver, load } = wanted
  if (before.isBridge && givesToVfio(files, device, driver)) throw bridgeRefused(device.name, driver)
  const kept = transient ? null : bindingToKeep(files, device, wanted.kept)
  const name = bindingName(device)
  const to = driver === noDriver ? null : driver
  return {
    before,
    to,
    wanted: driver,
    kept: wanted.kept,
    load,
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
function bindingSteps(before: DriverBinding, driver: string): Write[] {
  return [
    ...(before.override === driver ? [] : [overrideStep(before.device, driver)]),
    ...(before.driver === null ? [] : [unbindStep(before.device)]),
    ...(driver === noDriver ? [] : [probeStep(before.device)]),
  ]
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
    group === null && busNamed(device.bus).opens === 'device' && givesToVfio(files, device, wanted)
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
