import { VfioError } from '../../base/errors.ts'
import type { PciBinding } from '../../host/pci-binding.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checkNotHeld } from '../device/device-lock.ts'
import { endsOf } from '../in-use/pci-use.ts'
import { PciUses } from '../in-use/pci-uses.ts'
import type { BindingOptions } from './binding-change.ts'
import { heldPci } from './change-driver.ts'

/** DEVICE_BUSY, with what uses it, where taking the device from its driver would pull it away from somebody. */
export function checkFree(
  kernel: Kernel,
  binding: PciBinding,
  { force = false, onMessage: said }: BindingOptions,
): void {
  const { address, driver } = binding
  if (driver === null) return
  checkNotHeld(kernel, heldPci(kernel, binding))
  const found = new PciUses(kernel.files).of(address)
  if (found.length === 0) return
  const uses = found.map(({ what }) => what)
  if (force) {
    said?.(`${address} is taken from ${driver}, as --force asks, although ${uses.join('; ')}`)
    return
  }
  throw new VfioError('DEVICE_BUSY', `cannot take ${address} from ${driver}: ${uses.join('; ')}`, {
    hint: `end that use first${inBrackets(endsOf(found))}, or --force takes it all the same`,
    facts: { device: address, driver, uses },
  })
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`
}
