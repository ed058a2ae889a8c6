import type { PciAddress } from '../../base/units.ts'
import { onPci } from '../../host/bus/bus-device.ts'
import { readBinding } from '../../host/driver-binding.ts'
import { pciAddresses } from '../../host/pci-bus.ts'
import { type PciIds, readPciIds } from '../../host/pci-ids.ts'
import { pciPath } from '../../host/sriov.ts'
import { readOrNull } from '../../host/sysfs/readable.ts'
import { type ModaliasFields, modaliasFields } from '../../host/variants/vfio-aliases.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { overrideStep, probeStep, unbindStep } from '../bindings/change-driver.ts'
import { settingWrites } from '../bindings/pci-settings.ts'
import { noDriver, type WantedDriver } from '../bindings/wanted-driver.ts'
import type { Step } from '../change/change.ts'
import { type KeptPciBinding, keptBindings } from '../settings/bindings.ts'
import {
  mergedSettings,
  type PciSettings,
  type PciSettingsWish,
  settingsNamed,
  splitWish,
} from '../settings/pci-settings.ts'

/** The ids that a virtual function that is not there yet will have, by its card (`sriov_vf_device`). */
export function futureIds(files: HostFiles, card: PciAddress): PciIds {
  const device = readOrNull(files, `${pciPath(card)}/sriov_vf_device`)?.trim() ?? null
  const isId = device !== null && /^[0-9a-f]{1,4}$/.test(device)
  return { ...readPciIds(files, card, []), device: isId ? `0x${device.padStart(4, '0')}` : null }
}

/**
 * The fields of the modalias that it will have: those of its ids, with the class of its card. Its subsystem is not
 * known: the vendor is its card's, and the device may be any ('').
 */
export function futureModalias(files: HostFiles, card: PciAddress): ModaliasFields {
  const { vendor, device } = futureIds(files, card)
  const long = (id: string | null) => id?.slice(2).toUpperCase().padStart(8, '0') ?? ''
  const ofCard = modaliasFields(readOrNull(files, `${pciPath(card)}/modalias`)?.trim() ?? '') ?? []
  const [, , subsystem = '', , ...ofClass] = ofCard
  return [long(vendor), long(device), subsystem, '', ...ofClass]
}

/** The settings of a binding, and what the kernel does with its function as it comes. */
export interface FutureBinding {
  readonly settings?: PciSettingsWish | undefined
  /** The host's drivers may have it. */
  readonly isProbed: boolean
}

/** The driver of a virtual function that is to be made before: the kernel offers it to all drivers first. */
export function futureBindingSteps(
  files: HostFiles,
  address: PciAddress,
  card: PciAddress,
  { driver, kept, load }: WantedDriver,
  { settings: asked, isProbed }: FutureBinding,
): Step[] {
  const ids = futureIds(files, card)
  const first = isProbed ? firstDriver(files, card, ids) : null
  const stored = storedFor(files, address, ids)
  const { set, back } = splitWish(asked ?? {})
  const settings = mergedSettings(
    settingsNamed(stored?.settings ?? null, (name) => !back.has(name)),
    set,
  )
  const { before, after } = settingWrites(files, address, settings, driver !== noDriver)
  return [
    ...(load === null ? [] : [load]),
    overrideStep(onPci(address), driver),
    ...(first === null || first === driver ? [] : [unbindStep(onPci(address))]),
    ...before,
    ...(driver === noDriver || first === driver ? [] : [probeStep(onPci(address))]),
    ...after,
    ...keepingSteps(files, address, kept, ids, settings),
  ]
}

/** The binding that is kept for the function at that address, if it will be of the same kind. */
function storedFor(files: HostFiles, address: PciAddress, { vendor, device }: PciIds): KeptPciBinding | null {
  const stored = keptBindings.readOrNone(files, address)
  if (stored === null || !('vendor' in stored)) return null
  return stored.vendor === vendor && stored.device === device ? stored : null
}

function keepingSteps(
  files: HostFiles,
  address: PciAddress,
  driver: string,
  ids: PciIds,
  settings: PciSettings | null,
): Step[] {
  const { vendor, device } = ids
  if (vendor === null || device === null) return []
  const before = storedFor(files, address, ids)?.before
  const more = settings === null ? {} : { settings, ...(before === undefined ? {} : { before }) }
  const content = keptBindings.format({ driver, vendor, device, ...more })
  const stored = keptBindings.readOrNone(files, address)
  if (stored !== null && keptBindings.format(stored) === content) return []
  return [{ action: 'save', path: keptBindings.path(address), content }]
}

/** The driver that has others of its kind and will have it at first; null if none has, or if none is asked. */
function firstDriver(files: HostFiles, card: PciAddress, { vendor, device }: PciIds): string | null {
  for (const address of pciAddresses(files)) {
    const ids = readPciIds(files, address, [])
    if (ids.vendor !== vendor || ids.device !== device || address === card) continue
    const { driver, override } = readBinding(files, onPci(address))
    if (driver !== null && override === null) return driver
  }
  return null
}
