import { pciAddressOrNull, printable } from '../../base/units.ts'
import { type BusDevice, devicePath, onPci, shownDevice } from '../../host/bus/bus-device.ts'
import { driverNameFault } from '../../host/driver-name.ts'
import { groupMember } from '../../host/group-members.ts'
import { pciAddresses, pciDevices } from '../../host/pci-bus.ts'
import { listIfThere, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isEarly } from '../bindings/kept-change.ts'
import { isKeptDevice, waitsForBoot } from '../bindings/kept-device.ts'
import { driverctlFolder } from '../bindings/next-boot.ts'
import { bindingName, boundDeviceOrNull, type KeptBinding, keptBindings } from '../settings/bindings.ts'
import type { BindingEntry } from '../spec/spec-file.ts'
import type { Exported, ExportedPart } from './exported.ts'

type Found = Exported<BindingEntry> & { readonly device: BusDevice }

/** Drivers that are kept; with `adopt` also driverctl's, and VFIO's where a device has one that nobody keeps. */
export function exportBindings(
  files: HostFiles,
  isMeant: (device: BusDevice) => boolean,
  adopt: boolean,
): ExportedPart<Found> {
  const { settings, warnings: unread } = keptBindings.list(files)
  const warnings: Warning[] = [...unread]
  const kept = settings.flatMap(({ name, path, value }): Found[] => {
    const device = boundDeviceOrNull(name)
    if (device !== null && !isMeant(device)) return []
    const fault = device === null ? 'its name is none of a device' : leftOutReason(files, device, value)
    if (fault !== null) warnings.push({ path, message: `is left out: ${fault}` })
    if (device === null || (fault !== null && !waitsForBoot(files, value))) return []
    return [{ device, entry: entryOf(device, value), comment: null }]
  })
  const keptNames = new Set(settings.map(({ name }) => name))
  const others = [...driverctlOverrides(files), ...boundByHand(files)].filter(({ device }, at, all) => {
    const first = all.findIndex((it) => shownDevice(it.device) === shownDevice(device))
    return isMeant(device) && !keptNames.has(bindingName(device)) && first === at
  })
  return {
    entries: [...kept, ...(adopt ? others : [])],
    notKept: others.map(
      ({ device, entry, comment }) => `driver ${entry.driver} of ${shownDevice(device)} (${comment})`,
    ),
    warnings,
  }
}

function leftOutReason(files: HostFiles, device: BusDevice, kept: KeptBinding): string | null {
  if (files.kind(devicePath(device)) === null) return 'its device is not there'
  return isKeptDevice(files, device, kept) ? null : 'another device is there'
}

function entryOf(device: BusDevice, kept: KeptBinding): BindingEntry {
  const { driver } = kept
  const plain = { device: shownDevice(device), driver }
  if ('bus' in kept) return plain
  const { bars, ...settings } = kept.settings ?? {}
  return {
    ...plain,
    ...settings,
    ...(bars === undefined ? {} : { bars }),
    ...(isEarly(kept) ? { early: true } : {}),
    ...(kept.framebuffer === undefined ? {} : { framebuffer: kept.framebuffer }),
  }
}

/** Of devices that are there. */
function driverctlOverrides(files: HostFiles): Found[] {
  return listIfThere(files, driverctlFolder)
    .sort()
    .flatMap((name): Found[] => {
      const address = pciAddressOrNull(name.replace(/^pci-/, ''))
      const device = address === null ? boundDeviceOrNull(name) : onPci(address)
      const driver = readOrEmpty(files, `${driverctlFolder}/${name}`).trim()
      if (device === null || files.kind(devicePath(device)) === null || driverNameFault(driver) !== null) return []
      return [{ device, entry: { device: shownDevice(device), driver: printable(driver) }, comment: 'by driverctl' }]
    })
}

/** VFIO's drivers that say so in their names: what a card's own driver gives to VFIO is its choice. */
function boundByHand(files: HostFiles): Found[] {
  return pciAddresses(files).flatMap((address): Found[] => {
    const { driver } = groupMember(files, address, `${pciDevices}/${address}`)
    if (driver?.includes('vfio') !== true) return []
    return [{ device: onPci(address), entry: { device: address, driver }, comment: 'bound, and not kept' }]
  })
}

/**
 * Functions of a card with the same driver in one entry, by their numbers: a file then says them before they are there.
 */
export function byCard(
  found: readonly Found[],
  cardOf: (address: string) => FunctionNumber | null,
): Exported<BindingEntry>[] {
  const entries = new Map<
    string,
    { entry: BindingEntry; numbers: number[]; card: string | null; comment: string | null }
  >()
  for (const { device, entry, comment } of found) {
    const place = device.bus === 'pci' ? cardOf(device.name) : null
    const { device: shown, ...rest } = entry
    const key = place === null ? JSON.stringify(shown) : JSON.stringify([place.card, rest, comment])
    const same = entries.get(key) ?? { entry, numbers: [], card: place?.card ?? null, comment }
    entries.set(key, { ...same, numbers: [...same.numbers, ...(place === null ? [] : [place.virtfn])] })
  }
  return [...entries.values()].map(({ entry, numbers, card, comment }) => {
    if (card === null) return { entry, comment }
    const [first = 0, ...more] = numbers.sort((a, b) => a - b)
    return { entry: { ...entry, device: { card, virtfn: more.length === 0 ? first : [first, ...more] } }, comment }
  })
}

/** The place of a virtual function. */
export interface FunctionNumber {
  readonly card: string
  readonly virtfn: number
}
