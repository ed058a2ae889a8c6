import type { PciAddress } from '../../base/units.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import type { PciSettings } from '../settings/pci-settings.ts'
import { type SettingsBefore, settingsBefore } from '../settings/settings-before.ts'

/** A change of what is recorded of a device's earlier settings until the next boot: null for nothing. */
export interface RecordChange {
  readonly address: PciAddress
  /** Recorded before; null too if its file is broken, or is of another device. */
  readonly was: SettingsBefore | null
  readonly value: SettingsBefore | null
}

/** The record of the device at that address; null if there is none of it. */
export function recordOf(files: HostFiles, address: PciAddress): SettingsBefore | null {
  const record = settingsBefore.readOrNone(files, address)
  const { vendor, device } = readPciIds(files, address, [])
  return record !== null && record.vendor === vendor && record.device === device ? record : null
}

/** The change to these earlier settings; null if they are recorded so already. */
export function recordChange(files: HostFiles, address: PciAddress, before: PciSettings | null): RecordChange | null {
  const was = recordOf(files, address)
  const { vendor, device } = readPciIds(files, address, [])
  const value = before === null || vendor === null || device === null ? null : { vendor, device, before }
  const isSame =
    value === null || was === null ? value === was : settingsBefore.format(value) === settingsBefore.format(was)
  return isSame ? null : { address, was, value }
}

/** The change that leaves no record, of whatever device; null if there is none. */
export function withoutRecord(files: HostFiles, address: PciAddress): RecordChange | null {
  if (files.kind(settingsBefore.path(address)) === null) return null
  return { address, was: recordOf(files, address), value: null }
}

/** The step that makes it. */
export function recordStep({ address, value }: RecordChange): Step {
  const path = settingsBefore.path(address)
  return value === null ? { action: 'delete', path } : { action: 'save', path, content: settingsBefore.format(value) }
}

/** Makes it, under the lock of the drivers of PCI devices. */
export function record(files: HostFiles, { address, value }: RecordChange): void {
  if (value === null) settingsBefore.delete(files, address)
  else settingsBefore.save(files, address, value)
}
