import { isDeepStrictEqual } from 'node:util'
import { VfioError } from '../../base/errors.ts'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { type BusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { KeptBinding } from '../settings/bindings.ts'
import {
  mergedSettings,
  type PciSettings,
  type PciSettingsWish,
  settingNames,
  settingsNamed,
  splitWish,
} from '../settings/pci-settings.ts'
import { type RecordChange, recordChange, recordOf } from './before-record.ts'
import { checkSettings, settingsNow } from './pci-settings.ts'

/** The settings of one device, for a wish. */
export interface SettingsChange {
  /** Null for a device on another bus. */
  readonly address: PciAddress | null
  /** Those it is to have now: what is kept, what is asked for, and what was there before what is taken back. */
  readonly wanted: PciSettings | null
  /** Of these, what is asked for. */
  readonly asked: PciSettings | null
  /** The same as `wanted`, as they are now. */
  readonly now: PciSettings | null
  /** Power is taken back: a driver that comes chooses it. */
  readonly leavesPower: boolean
  /** Those to keep for every boot. */
  readonly kept: PciSettings | null
  /** As they were before the first of them was set. */
  readonly before: PciSettings | null
  /** The record, until the next boot, of those that are set for this boot alone; null for no change. */
  readonly recording: RecordChange | null
}

/** The circumstances of a wish. */
export interface SettingsAim {
  /** The binding that is kept for the device already. */
  readonly kept: KeptBinding | null
  /** For this boot alone. */
  readonly isTransient: boolean
  /** From the next boot on, and not before. */
  readonly waits: boolean
  /** The device is with a driver of VFIO, or comes to one. */
  readonly isForVfio: boolean
}

/** The settings of a device for a wish. Throws as `checkSettings` does; INVALID_ARGUMENT if it is no PCI device. */
export function settingsChange(
  files: HostFiles,
  device: BusDevice,
  wish: PciSettingsWish | undefined,
  { kept, isTransient, waits, isForVfio }: SettingsAim,
): SettingsChange {
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  const { set, back } = splitWish(wish ?? {})
  const nothing = {
    wanted: null,
    asked: null,
    now: null,
    leavesPower: false,
    kept: null,
    before: null,
    recording: null,
  }
  if (address === null) {
    if (wish !== undefined) throw noPciDevice(device)
    return { address, ...nothing }
  }
  if (set !== null) checkSettings(files, address, set)
  const stored = kept !== null && 'vendor' in kept ? kept : null
  const recorded = recordOf(files, address)?.before ?? null
  const known = mergedSettings(recorded, stored?.before)
  const isAsked = (name: string) => back.has(name) || setNames.has(name)
  const setNames = new Set(settingNames(set))
  const toKeep = mergedSettings(
    settingsNamed(stored?.settings ?? null, (name) => !back.has(name)),
    set,
  )
  const earlier = backTo(
    settingsNamed(known, (name) => back.has(name)),
    isForVfio,
  )
  const wanted = mergedSettings(toKeep, earlier)
  const now = wanted === null ? null : settingsNow(files, address, wanted)
  const keptNames = new Set([...settingNames(toKeep), ...(waits ? back : [])])
  const before = settingsNamed(mergedSettings(now, known), (name) => keptNames.has(name))
  const changes = (name: string) => {
    return setNames.has(name) && !isDeepStrictEqual(settingsNamed(now, isIt(name)), settingsNamed(set, isIt(name)))
  }
  const first = isTransient ? settingsNamed(now, changes) : null
  const recordAfter = mergedSettings(
    first,
    settingsNamed(recorded, (name) => waits || !back.has(name)),
  )
  return {
    address,
    wanted,
    asked: settingsNamed(wanted, isAsked),
    now,
    leavesPower: back.has('power'),
    kept: toKeep,
    before,
    recording: wish === undefined ? null : recordChange(files, address, recordAfter),
  }
}

function isIt(name: string): (other: string) => boolean {
  return (other) => other === name
}

/** Drivers of VFIO let a device sleep, whatever was before them. */
function backTo(earlier: PciSettings | null, isForVfio: boolean): PciSettings | null {
  return isForVfio && earlier?.power !== undefined ? { ...earlier, power: 'auto' } : earlier
}

function noPciDevice({ bus, name }: BusDevice): VfioError {
  return new VfioError('INVALID_ARGUMENT', `${shownDevice({ bus, name })} is no PCI device, which alone has settings`, {
    facts: { bus, device: name },
  })
}
