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
import { checkEarly } from '../early/check-early.ts'
import { bindingName, type KeptBinding, keptBindings } from '../settings/bindings.ts'
import type { BindRequest } from './binding-change.ts'
import { overrideStep, probeStep, unbindStep } from './change-driver.ts'
import type { DriverChange } from './driver-changes.ts'
import { isEarly, isKept, type KeptChange, touchesEarly } from './kept-change.ts'
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
  { device, driver: asked, group = false, transient = false, early }: BindRequest,
  drivers: WantedDrivers = new WantedDrivers(files),
): BindChange[] {
  if (transient && early === true) {
    throw new VfioError('INVALID_ARGUMENT', 'what is transient is kept for no boot, and so not early either', {
      hint: 'leave one of the two out',
    })
  }
  return members(files, device, group).map((before) => {
    const wanted = drivers.of(before.device, asked)
    return changeTo(
      files,
      before,
      wanted,
      transient ? null : keptChange(files, before, wanted, early),
      early !== undefined,
    )
  })
}

function changeTo(
  files: HostFiles,
  before: DriverBinding,
  wanted: WantedDriver,
  keeping: KeptChange | null,
  asksEarly: boolean,
): BindChange {
  const { device } = before
  const { driver, load } = wanted
  if (before.isBridge && givesToVfio(files, device, driver)) throw bridgeRefused(device.name, driver)
  const to = driver === noDriver ? null : driver
  return {
    before,
    to,
    wanted: driver,
    kept: wanted.kept,
    load,
    writes: isBoundTo(before, driver) ? [] : bindingSteps(before, driver),
    keeping: keeping === null || isKept(keeping.was, keeping.value) ? null : keeping,
    isEarly: isEarly(keeping?.value ?? null),
    touchesEarly: keeping !== null && touchesEarly(files, device, keeping, asksEarly),
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

/** The change of what is kept, which may be none; `early` absent leaves that as it is. Throws as `checkEarly` does. */
function keptChange(
  files: HostFiles,
  before: DriverBinding,
  { driver, kept }: WantedDriver,
  asked: boolean | undefined,
): KeptChange {
  const { device } = before
  const was = keptBindings.readOrNone(files, bindingName(device))
  const early = asked ?? isEarly(was)
  if (early) checkEarly(files, before, driver)
  const value = whatToKeep(files, device, kept)
  return { device, was, value: early ? { ...value, early } : value }
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
