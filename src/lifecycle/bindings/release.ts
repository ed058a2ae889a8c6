import { VfioError } from '../../base/errors.ts'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { type BusDevice, devicePath, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { bindingName, keptBindings } from '../settings/bindings.ts'
import { mergedSettings, type PciSettings } from '../settings/pci-settings.ts'
import { recordOf, withoutRecord } from './before-record.ts'
import type { BindingChange, BindingOptions, BindingRequest } from './binding-change.ts'
import { overrideStep, probeStep, unbindStep } from './change-driver.ts'
import { carryOutChanges, type DriverChange } from './driver-changes.ts'
import { type KeptChange, touchesEarly } from './kept-change.ts'
import { isKeptDevice } from './kept-device.ts'
import { members } from './members.ts'
import { nextBootLines, othersAtNextBoot } from './next-boot.ts'
import { noSettingWrites, settingsNow, settingWrites } from './pci-settings.ts'
import { givesToVfio } from './wanted-driver.ts'

/**
 * Drivers that know no device of their own: whoever has one was told to. VFIO's for particular devices are told too.
 */
function isBorrower(files: HostFiles, device: BusDevice, driver: string): boolean {
  return borrowers.has(driver) || givesToVfio(files, device, driver)
}

const borrowers: ReadonlySet<string> = new Set(['pci-stub', 'pci-pf-stub', 'uio_pci_generic', 'igb_uio', 'pciback'])

/**
 * Gives a device back to whichever driver knows it, and keeps nothing of it for the next boots. One that nobody took
 * away is no change. Of one that is gone, what was kept is forgotten; NOT_FOUND if nothing was. NOT_SUPPORTED if a
 * driver that has only what it was told to have takes it again: then it stays as it was, and kept. Its settings go back
 * to what they were before, those for this boot alone too.
 */
export async function release(
  kernel: Kernel,
  request: BindingRequest,
  options: BindingOptions = {},
): Promise<readonly BindingChange[]> {
  const { files } = kernel
  const { device, group = false } = request
  const asked = () => {
    const named = [device].flat().map((one) => ({ one, gone: keptOfGone(files, parseBusDevice(one)) }))
    const there = named.filter(({ gone }) => gone === null).map(({ one }) => one)
    const back = members(files, there, group).map((before) => changeBack(files, before))
    return [...back, ...named.flatMap(({ gone }) => gone ?? [])]
  }
  const onRefusedSetting = ({ message }: VfioError) =>
    options.onMessage?.(`${message}: it stays so until the next boot`)
  const changes = await carryOutChanges(kernel, request, asked, { ...options, onRefusedSetting })
  for (const { bus, device: name, to } of changes) {
    for (const line of nextBootLines(files, { bus, name }, null, to)) options.onMessage?.(line)
  }
  return changes
}

/** Forgets what is kept for a device that is not there; null for one that is, or of which nothing is kept. */
function keptOfGone(files: HostFiles, device: BusDevice): DriverChange | null {
  const keeping = forget(files, device)
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  const recording = address === null ? null : withoutRecord(files, address)
  if ((keeping ?? recording) === null || files.kind(devicePath(device)) !== null) return null
  const before = { device, driver: null, override: null, group: null, isBridge: false }
  return {
    before,
    settingsBefore: null,
    to: null,
    load: null,
    screen: null,
    writes: [],
    waitsFor: null,
    recording,
    keeping,
    isEarly: false,
    touchesEarly: touchesEarly(files, before.device, keeping, false),
    fault: () => null,
  }
}

function forget(files: HostFiles, device: BusDevice): KeptChange | null {
  const name = bindingName(device)
  if (files.kind(keptBindings.path(name)) === null) return null
  return { device, was: keptBindings.readOrNone(files, name), value: null }
}

function changeBack(files: HostFiles, before: DriverBinding): DriverChange {
  const { device } = before
  const keeping = forget(files, device)
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  const kept = keeping?.was ?? null
  const keptBefore = kept !== null && 'vendor' in kept && isKeptDevice(files, device, kept) ? kept.before : null
  const earlier = address === null ? null : mergedSettings(recordOf(files, address)?.before, keptBefore)
  const writes = releaseSteps(files, before, keeping !== null, address, earlier)
  return {
    before,
    settingsBefore: address === null || earlier === null ? null : settingsNow(files, address, earlier),
    to: writes.some(({ path }) => path === probeStep(device).path) ? null : before.driver,
    load: null,
    screen: null,
    writes,
    waitsFor: null,
    recording: address === null ? null : withoutRecord(files, address),
    keeping,
    isEarly: false,
    touchesEarly: touchesEarly(files, before.device, keeping, false),
    fault: (now) => takenAgain(files, before, now),
  }
}

/**
 * A driver that the device did not get by an override, and that knows devices of its own, keeps it, and BARs their
 * size.
 */
function releaseSteps(
  files: HostFiles,
  before: DriverBinding,
  isKept: boolean,
  address: PciAddress | null,
  earlier: PciSettings | null,
): Write[] {
  const { device, driver, override } = before
  const clear = override === null ? [] : [overrideStep(device, null)]
  const isBorrowed = driver !== null && (override === driver || isBorrower(files, device, driver))
  const wasBegun = driver === null && (override !== null || isKept)
  const settings = address === null ? noSettingWrites : settingWrites(files, address, earlier, false)
  if (!isBorrowed && !wasBegun) return [...clear, ...settings.before, ...settings.after]
  return [
    ...clear,
    ...(isBorrowed ? [unbindStep(device)] : []),
    ...settings.before,
    ...settings.resizes,
    // the driver that comes chooses its power
    probeStep(device),
  ]
}

function takenAgain(files: HostFiles, { device: its }: DriverBinding, now: string | null): VfioError | null {
  if (now === null || !isBorrower(files, its, now)) return null
  if (its.bus !== 'pci') {
    return new VfioError(
      'NOT_SUPPORTED',
      `${now} took ${shownDevice(its)} again: no other driver that is loaded knows it`,
      {
        hint: `cat ${devicePath(its)}/modalias; modprobe the driver that it had before, then release it again`,
        facts: { device: its.name, driver: now },
      },
    )
  }
  const { vendor, device } = readPciIds(files, its.name, [])
  const ids = `${vendor?.slice(2)} ${device?.slice(2)}`
  return new VfioError('NOT_SUPPORTED', `${now} took ${its.name} again: its id was added to that driver (${ids})`, {
    hint: `echo ${ids} > /sys/bus/pci/drivers/${now}/remove_id, then release it again; ${whoAdded(files, its)}`,
    facts: { device: its.name, driver: now },
  })
}

function whoAdded(files: HostFiles, device: BusDevice): string {
  const others = othersAtNextBoot(files, device).map(({ place, mend }) => `it stands in ${place}: ${mend}`)
  return others.length > 0
    ? others.join('; ')
    : 'driverctl from 0.115 on adds ids to vfio-pci (driverctl list-overrides)'
}
