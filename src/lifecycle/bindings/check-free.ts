import { VfioError } from '../../base/errors.ts'
import { shownDevice } from '../../host/bus/bus-device.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checkNotHeld } from '../device/device-lock.ts'
import { HostUses } from '../in-use/host-uses.ts'
import { endsOf, type PciUse } from '../in-use/pci-use.ts'
import type { BindingOptions } from './binding-change.ts'
import { heldDevice } from './change-driver.ts'

/** The way in which a device is to be taken from its driver. */
interface Taking {
  readonly isEarly?: boolean
  /** At the next boot, and not before. */
  readonly waits?: boolean
  readonly others?: readonly PciUse[]
}

/**
 * DEVICE_BUSY, with what uses it, if taking the device from its driver would pull it away from somebody, or end
 * `others`. What is to have its driver early is not forced: the machine may need at its next boot what it uses now. If
 * the change waits for that boot, a process that has the device open does not count.
 */
export function checkFree(
  kernel: Kernel,
  binding: DriverBinding,
  { force = false, onMessage: said }: BindingOptions,
  { isEarly = false, waits = false, others = [] }: Taking = {},
): void {
  const { device, driver } = binding
  if (driver !== null && !waits) checkNotHeld(kernel, heldDevice(kernel, binding))
  const own = driver === null ? [] : new HostUses(kernel.files).of(device)
  const found = [...own.filter(({ endsAtBoot }) => !waits || endsAtBoot !== true), ...others]
  if (found.length === 0) return
  const shown = shownDevice(device)
  const uses = found.map(({ what }) => what)
  const from = `${driver === null ? 'the host' : driver}${waits ? ' at the next boot' : ''}`
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
