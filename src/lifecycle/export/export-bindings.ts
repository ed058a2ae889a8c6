import { type PciAddress, pciAddressOrNull, printable } from '../../base/units.ts'
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
import { isToCome, type KeptFunction } from '../sriov/kept-number.ts'
import type { Exported, ExportedPart, OnHost } from './exported.ts'

type Found = Exported<BindingEntry> & { readonly device: BusDevice }

/** Drivers that are kept; with `adopt` also driverctl's, and VFIO's where a device has one that nobody keeps. */
export function exportBindings(
  files: HostFiles,
  isMeant: (device: BusDevice) => boolean,
  { cards, adopt }: Pick<OnHost, 'cards' | 'adopt'>,
): ExportedPart<Found> {
  const { settings, warnings: unread } = keptBindings.list(files)
  const warnings: Warning[] = [...unread]
  const kept = settings.flatMap(({ name, path, value }): Found[] => {
    const device = boundDeviceOrNull(name)
    if (device !== null && !isMeant(device)) return []
    const fault = device === null ? 'its name is none of a device' : leftOutReason(files, cards, device, value)
    if (device !== null && fault === null) return [{ device, entry: entryOf(device, value), comment: null }]
    warnings.push({ path, message: `is left out: ${fault}` })
    return []
  })
  const named = new Set(settings.map(({ name }) => name))
  const others = [...driverctlOverrides(files), ...boundByHand(files)].filter(({ device }) => {
    const isNew = isMeant(device) && !named.has(bindingName(device))
    named.add(bindingName(device))
    return isNew
  })
  return {
    entries: [...kept, ...(adopt ? others : [])],
    notKept: others.map(
      ({ device, entry, comment }) => `driver ${entry.driver} of ${shownDevice(device)} (${comment})`,
    ),
    warnings,
  }
}

function leftOutReason(files: HostFiles, cards: OnHost['cards'], device: BusDevice, kept: KeptBinding): string | null {
  if (files.kind(devicePath(device)) === null) {
    return isToCome(files, cards, device.name) ? null : 'its device is not there'
  }
  if (!isKeptDevice(files, device, kept)) return 'another device is there'
  return waitsForBoot(files, kept) ? 'it is for the next boot, and a file says what is to be now' : null
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
  functionOf: (address: PciAddress) => Pick<KeptFunction, 'card' | 'number'> | null,
): Exported<BindingEntry>[] {
  const groups = new Map<string, { readonly first: Found; readonly card: string | null; readonly virtfns: number[] }>()
  for (const one of found) {
    const address = pciAddressOrNull(one.device.name)
    const its = address === null ? null : functionOf(address)
    const key = JSON.stringify([its?.card, { ...one.entry, ...(its !== null && { device: null }) }, one.comment])
    const group = groups.get(key) ?? { first: one, card: its?.card ?? null, virtfns: [] }
    if (its !== null) group.virtfns.push(its.number - 1)
    groups.set(key, group)
  }
  return Array.from(groups.values(), ({ first: { entry, comment }, card, virtfns }) => {
    if (card === null) return { entry, comment }
    const [first = 0, ...more] = virtfns.sort((a, b) => a - b)
    return { entry: { ...entry, device: { card, virtfn: more.length === 0 ? first : [first, ...more] } }, comment }
  })
}
