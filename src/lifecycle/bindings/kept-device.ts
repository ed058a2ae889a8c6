import { printable } from '../../base/units.ts'
import { bootId } from '../../host/boot-id.ts'
import { type BusDevice, devicePath } from '../../host/bus/bus-device.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { readOrNull } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { KeptBinding } from '../settings/bindings.ts'

/**
 * True if it is the device for which something is kept. Names and addresses move when cards do: what stands there now
 * may be the disk.
 */
export function isKeptDevice(files: HostFiles, device: BusDevice, kept: KeptBinding): boolean {
  return whatItIs(files, device) === whatWasKept(kept)
}

/** True if what is kept is for the boots after the one that runs. */
export function waitsForBoot(files: HostFiles, { afterBoot }: KeptBinding): boolean {
  return afterBoot !== undefined && afterBoot === bootId(files)
}

/** By what it is told from others: its ids, or its modalias. */
export function whatItIs(files: HostFiles, device: BusDevice): string {
  if (device.bus !== 'pci') return String(readModalias(files, device))
  const now = readPciIds(files, device.name, [])
  return `${now.vendor}:${now.device}`
}

/** The same of what is kept. */
export function whatWasKept(kept: KeptBinding): string {
  return 'bus' in kept ? String(kept.modalias) : `${kept.vendor}:${kept.device}`
}

/** The modalias of a device on any bus, which its drivers match; null if it has none. */
export function readModalias(files: HostFiles, device: BusDevice): string | null {
  const text = readOrNull(files, `${devicePath(device)}/modalias`)?.trim() ?? ''
  return text === '' ? null : printable(text)
}
