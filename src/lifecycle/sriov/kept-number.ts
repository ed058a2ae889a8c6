import type { PciAddress } from '../../base/units.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { type KeptNumber, sriovSettings } from './sriov-settings.ts'

/** Addresses move when cards do. What an older vfioctl kept does not say which card it is for, and is for whichever is there. */
export function isKeptForCard(files: HostFiles, address: PciAddress, { vendor, device }: KeptNumber): boolean {
  const now = readPciIds(files, address, [])
  return (vendor === undefined || vendor === now.vendor) && (device === undefined || device === now.device)
}

/** The steps that keep that many functions for a card's next boots; none if they are kept. */
export function keepSteps(files: HostFiles, address: PciAddress, count: number): Step[] {
  const path = sriovSettings.path(address)
  if (count === 0) return files.kind(path) === null ? [] : [{ action: 'delete', path }]
  const stored = sriovSettings.readOrNone(files, address)
  if (stored?.count === count && isKeptForCard(files, address, stored)) return []
  return [{ action: 'save', path, content: sriovSettings.format(numberToKeep(files, address, count, count)) }]
}

/** Under the lock of settings. `made`: how many came of it. */
export function keepNumber(files: HostFiles, address: PciAddress, count: number, made: number): void {
  if (count === 0) sriovSettings.delete(files, address)
  else sriovSettings.save(files, address, numberToKeep(files, address, count, made))
}

function numberToKeep(files: HostFiles, address: PciAddress, count: number, made: number): KeptNumber {
  const { vendor, device } = readPciIds(files, address, [])
  const card = vendor === null || device === null ? {} : { vendor, device }
  return { count, ...(made === count ? {} : { made }), ...card }
}
