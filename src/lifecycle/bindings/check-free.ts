import { VfioError } from '../../base/errors.ts'
import { shownDevice } from '../../host/bus/bus-device.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checkNotHeld } from '../device/device-lock.ts'
import { HostUses } from '../in-use/host-uses.ts'
import { endsOf } from '../in-use/pci-use.ts'
import type { BindingOptions } from './binding-change.ts'
import { heldDevice } from './change-driver.ts'

/**
 * DEVICE_BUSY, with what uses it, if taking the device from its driver would pull it away from somebody. What is to have its
 * driver early is not forced: the machine may need at its next boot what it uses now.
 */
export function checkFree(
  kernel: Kernel,
  binding: DriverBinding,
  { force = false, onMessage: said }: BindingOptions,
  isEarly: boolean = false,
): void {
  const { device, driver } = binding
  if (driver === null) return
  checkNotHeld(kernel, heldDevice(kernel, binding))
  const found = new HostUses(kernel.files).of(device)
  if (found.length === 0) return
  const shown = shownDevice(device)
  const uses = found.map(({ what }) => what)
  if (force && !isEarly) {
    said?.(`${shown} is taken from ${driver}, as --force asks, although ${uses.join('; ')}`)
    return
  }
  throw new VfioError('DEVICE_BUSY', `cannot take ${shown} from ${driver}: ${uses.join('; ')}`, {
    hint: isEarly
      ? `end that use first${inBrackets(endsOf(found))}: what the host needs to boot is not bound early, not even with --force`
      : `end that use first${inBrackets(endsOf(found))}, or --force takes it all the same`,
    facts: { device: device.name, driver, uses },
  })
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`
}
