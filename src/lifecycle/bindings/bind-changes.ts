import { VfioError } from '../../base/errors.ts'
import { bootId } from '../../host/boot-id.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { bridgeRefused, type DriverBinding } from '../../host/driver-binding.ts'
import { iommuAdvice } from '../../host/iommu-advice.ts'
import { iommuGroups } from '../../host/iommu-groups.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { checkEarly } from '../early/check-early.ts'
import { bindingName, type KeptBinding, keptBindings } from '../settings/bindings.ts'
import { type PciSettings, type PciSettingsWish, settingsNamed } from '../settings/pci-settings.ts'
import type { BindRequest } from './binding-change.ts'
import { overrideStep, probeStep, unbindStep } from './change-driver.ts'
import type { DriverChange } from './driver-changes.ts'
import { lostScreen } from './host-screen.ts'
import { isEarly, isKept, type KeptChange, touchesEarly } from './kept-change.ts'
import { isKeptDevice, readModalias } from './kept-device.ts'
import { members } from './members.ts'
import { isSettingWrite, noSettingWrites, settingWrites } from './pci-settings.ts'
import { type SettingsChange, settingsChange } from './settings-change.ts'
import { givesToVfio, noDriver, type WantedDriver, WantedDrivers } from './wanted-driver.ts'

/** The change of driver that one device is to have, for a wish. */
export interface BindChange extends DriverChange {
  /** Its driver in the end; `none` for no driver. */
  readonly wanted: string
  /** The wish to keep: that name, or `best`. */
  readonly kept: string
  /** The settings that are asked for this device; null for none. */
  readonly wish: PciSettingsWish | null
  /** The same with values for what is taken back. */
  readonly asked: PciSettings | null
}

/** The driver changes of a request, device by device. Throws as `WantedDrivers` and `checkSettings` do. */
export function driverChanges(
  files: HostFiles,
  request: BindRequest,
  drivers: WantedDrivers = new WantedDrivers(files),
): BindChange[] {
  const { device, driver: asked, group = false, transient = false, early, settings } = request
  const { nextBoot: waits = false, releaseFramebuffer = false } = request
  if (transient && (waits || early === true)) {
    throw new VfioError(
      'INVALID_ARGUMENT',
      `what is transient is kept for no boot, and so not ${waits ? 'from the next boot on' : 'early'} either`,
      { hint: 'leave one of the two out' },
    )
  }
  const named = new Set([device].flat().map((one) => shownDevice(parseBusDevice(one))))
  return members(files, device, group).map((before) => {
    const kept = keptOf(files, before.device)
    const own = named.has(shownDevice(before.device)) ? settings : powerOf(settings)
    const wanted = drivers.of(before.device, asked ?? (settings === undefined ? undefined : kept?.driver))
    const isForVfio = givesToVfio(files, before.device, wanted.driver)
    const aim = { kept, isTransient: transient, waits, isForVfio }
    const set = settingsChange(files, before.device, own, aim)
    const wish = { early, isReleased: releaseFramebuffer || keepsRelease(kept), waits }
    const keeping = transient ? null : keptChange(files, before, wanted, set, wish)
    return changeTo(files, before, wanted, set, {
      wish: own ?? null,
      keeping,
      asksEarly: early !== undefined,
      isReleased: wish.isReleased,
      waits,
    })
  })
}

/** The wishes for one device beside its driver and its settings. */
interface Wishes {
  readonly wish: PciSettingsWish | null
  readonly keeping: KeptChange | null
  readonly asksEarly: boolean
  /** The host is to let go of its screen on it. */
  readonly isReleased: boolean
  /** Nothing is to change before the next boot. */
  readonly waits: boolean
}

/** True if the host is to let go of its screen on the device at every boot. */
function keepsRelease(kept: KeptBinding | null): boolean {
  return kept !== null && 'framebuffer' in kept
}

/** The binding that is kept for a device, if it is that device still. */
function keptOf(files: HostFiles, device: BusDevice): KeptBinding | null {
  const kept = keptBindings.readOrNone(files, bindingName(device))
  return kept !== null && isKeptDevice(files, device, kept) ? kept : null
}

/** The settings that go for the rest of a group too: which resets and BARs there are is each device's own. */
function powerOf(settings: PciSettingsWish | undefined): PciSettingsWish | undefined {
  if (settings === undefined) return undefined
  const { resetMethods: _, bars: __, ...power } = settings
  return power
}

function changeTo(
  files: HostFiles,
  before: DriverBinding,
  wanted: WantedDriver,
  settings: SettingsChange,
  { wish, keeping, asksEarly, isReleased, waits }: Wishes,
): BindChange {
  const { device } = before
  const { driver, load } = wanted
  const isForVfio = givesToVfio(files, device, driver)
  if (before.isBridge && isForVfio) throw bridgeRefused(device.name, driver)
  const all = bindingSteps(files, before, driver, settings)
  const writes = waits ? [] : all
  const isDriven = before.driver !== null && !all.every(isSettingWrite)
  const isShown = (isForVfio || isDriven) && !(waits && isReleased)
  const screen = isShown ? lostScreen(files, device, { isDriven, isReleased }) : null
  const to = waits ? before.driver : driver === noDriver ? null : driver
  return {
    before,
    settingsBefore: settings.now,
    to,
    wanted: driver,
    kept: wanted.kept,
    wish,
    asked: settings.asked,
    load: waits ? null : load,
    screen,
    writes,
    waitsFor: waits && !all.every(isSettingWrite) ? driver : null,
    recording: settings.recording,
    keeping: keeping === null || isKept(keeping.was, keeping.value) ? null : keeping,
    isEarly: isEarly(keeping?.value ?? null),
    touchesEarly: keeping !== null && touchesEarly(files, device, keeping, asksEarly),
    fault: (now) => (now === to ? null : to === null ? tookIt(before, now) : didNotTake(files, before, to)),
  }
}

function isBoundTo({ driver: has, override }: DriverBinding, driver: string): boolean {
  return driver === noDriver ? has === null && override === noDriver : has === driver
}

/**
 * The override first, so that no other driver can come in between. BARs are resized while no driver has the device, and
 * none is if it is as it should be.
 */
function bindingSteps(
  files: HostFiles,
  before: DriverBinding,
  driver: string,
  { address, wanted, leavesPower }: SettingsChange,
): Write[] {
  const writes = (changes: boolean) => {
    const here = leavesPower && changes ? settingsNamed(wanted, (name) => name !== 'power') : wanted
    return address === null ? noSettingWrites : settingWrites(files, address, here, changes && driver !== noDriver)
  }
  const isRight = isBoundTo(before, driver) && writes(false).resizes.length === 0
  if (isRight) return [...writes(false).before, ...writes(false).after]
  const { before: early, resizes, after } = writes(true)
  return [
    ...(before.override === driver ? [] : [overrideStep(before.device, driver)]),
    ...(before.driver === null ? [] : [unbindStep(before.device)]),
    ...early,
    ...resizes,
    ...(driver === noDriver ? [] : [probeStep(before.device)]),
    ...after,
  ]
}

/** The change of what is kept, which may be none. Throws as `checkEarly` does. */
function keptChange(
  files: HostFiles,
  before: DriverBinding,
  { driver, kept }: WantedDriver,
  settings: SettingsChange,
  wish: { readonly early: boolean | undefined; readonly isReleased: boolean; readonly waits: boolean },
): KeptChange {
  const { device } = before
  const was = keptBindings.readOrNone(files, bindingName(device))
  const early = wish.early ?? isEarly(was)
  if (early) checkEarly(files, before, driver)
  const value = whatToKeep(files, device, kept, settings)
  const afterBoot = wish.waits ? bootId(files) : null
  const waiting = afterBoot === null ? {} : { afterBoot }
  if ('bus' in value) return { device, was, value: { ...value, ...waiting } }
  const wishes = { ...(early ? { early } : {}), ...(wish.isReleased ? { framebuffer: 'release' as const } : {}) }
  return { device, was, value: { ...value, ...wishes, ...waiting } }
}

function whatToKeep(
  files: HostFiles,
  { bus, name }: BusDevice,
  driver: string,
  { kept: settings, before }: SettingsChange,
): KeptBinding {
  if (bus !== 'pci') return { bus, driver, modalias: readModalias(files, { bus, name }) }
  const { vendor, device } = readPciIds(files, name, [])
  const more = settings === null ? {} : { settings, ...(before === null ? {} : { before }) }
  if (vendor !== null && device !== null) return { driver, vendor, device, ...more }
  throw new VfioError('MALFORMED_REPLY', `sysfs does not say what ${name} is`, { facts: { device: name } })
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
  const { opens, vfioDriver, refusal } = busNamed(device.bus)
  const known = wanted === vfioDriver ? refusal : null
  const [why, hint] =
    group === null && opens === 'device' && givesToVfio(files, device, wanted)
      ? withoutIommu(files)
      : (known ?? ['the driver refused it', 'dmesg | tail, for what the driver says'])
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
