import type { BusDevice } from '../../host/bus/bus-device.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { isLeftOver } from '../early/plan-early.ts'
import { bindingName, type KeptBinding, keptBindings } from '../settings/bindings.ts'

/** A change of what is kept for a device: null for nothing. */
export interface KeptChange {
  readonly device: BusDevice
  /** Kept before; null too if its file is broken. */
  readonly was: KeptBinding | null
  readonly value: KeptBinding | null
}

/** The step that makes it. */
export function keepingStep({ device, value }: KeptChange): Step {
  const path = keptBindings.path(bindingName(device))
  return value === null ? { action: 'delete', path } : { action: 'save', path, content: keptBindings.format(value) }
}

/** Makes it, under the lock of the settings. */
export function keep(files: HostFiles, { device, value }: KeptChange): void {
  const name = bindingName(device)
  if (value === null) keptBindings.delete(files, name)
  else keptBindings.save(files, name, value)
}

/** The change that takes it back. */
export function keptBefore({ device, was, value }: KeptChange): KeptChange {
  return { device, was: value, value: was }
}

/** True if a driver is kept for a device to have before others see it. */
export function isEarly(kept: KeptBinding | null): boolean {
  return kept !== null && 'early' in kept && kept.early === true
}

/**
 * True if a change may need another rule and initramfs: if it is asked for, changes something of it, or finds what a
 * change has left that was killed. `change` is null if nothing is kept, before or after.
 */
export function touchesEarly(files: HostFiles, device: BusDevice, change: KeptChange | null, asks: boolean): boolean {
  const [was, value] = [change?.was ?? null, change?.value ?? null]
  if (isEarly(value)) return asks || !isKept(was, value)
  return isEarly(was) || isLeftOver(files, device)
}

/** True if it is kept so already. */
export function isKept(was: KeptBinding | null, value: KeptBinding | null): boolean {
  return was !== null && value !== null && keptBindings.format(was) === keptBindings.format(value)
}
