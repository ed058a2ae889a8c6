import { VfioError } from '../../base/errors.ts'
import { shownDevice } from '../../host/bus/bus-device.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checkNotHeld } from '../device/device-lock.ts'
import { HostUses } from '../in-use/host-uses.ts'
import { endsOf, type PciUse } from '../in-use/pci-use.ts'
import type { BindingOptions } from './binding-change.ts'
import { heldDevice } from './change-driver.ts'

/**
 * DEVICE_BUSY, with what uses it, if taking the device from its driver would pull it away from somebody, or end `others`. What
 * is to have its driver early is not forced: the machine may need at its next boot what it uses now.
 */
export function checkFree(
  kernel: Kernel,
  binding: DriverBinding,
  { force = false, onMessage: said }: BindingOptions,
  { isEarly = false, others = [] }: { readonly isEarly?: boolean; readonly others?: readonly PciUse[] } = {},
): void {
  const { device, driver } = binding
  if (driver !== null) checkNotHeld(kernel, heldDevice(kernel, binding))
  const found = [...(driver === null ? [] : new HostUses(kernel.files).of(device)), ...others]
  if (found.length === 0) return
  const shown = shownDevice(device)
  const uses = found.map(({ what }) => what)
  const from = driver === null ? 'the host' : driver
  if (force && !isEarly) {
    said?.(`${shown} is taken from ${from}, as --force asks, although ${uses.join('; ')}`)
    return
  }
  throw new VfioError('DEVICE_BUSY', `cannot take ${shown} from ${from}: ${uses.join('; ')}`, {
    hint: isEarly
      ? `end that use first${inBrackets(endsOf(found))}: what the host needs to boot is not bound early, not even with --force`
      : `end that use first${inBrackets(endsOf(found))}, or --force takes it all the same`,
    facts: { device: device.name, driver, uses },
  })
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`
}
