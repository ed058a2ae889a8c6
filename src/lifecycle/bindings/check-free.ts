import { VfioError } from '../../base/errors.ts'
import { pciAddressOrNull } from '../../base/units.ts'
import { type BusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checkNotHeld } from '../device/device-lock.ts'
import { busUses } from '../in-use/bus-uses.ts'
import { endsOf, type PciUse } from '../in-use/pci-use.ts'
import { PciUses } from '../in-use/pci-uses.ts'
import type { BindingOptions } from './binding-change.ts'
import { heldDevice } from './change-driver.ts'

/** DEVICE_BUSY, with what uses it, where taking the device from its driver would pull it away from somebody. */
export function checkFree(
  kernel: Kernel,
  binding: DriverBinding,
  { force = false, onMessage: said }: BindingOptions,
): void {
  const { device, driver } = binding
  if (driver === null) return
  checkNotHeld(kernel, heldDevice(kernel, binding))
  const found = usesOf(kernel, device)
  if (found.length === 0) return
  const shown = shownDevice(device)
  const uses = found.map(({ what }) => what)
  if (force) {
    said?.(`${shown} is taken from ${driver}, as --force asks, although ${uses.join('; ')}`)
    return
  }
  throw new VfioError('DEVICE_BUSY', `cannot take ${shown} from ${driver}: ${uses.join('; ')}`, {
    hint: `end that use first${inBrackets(endsOf(found))}, or --force takes it all the same`,
    facts: { device: device.name, driver, uses },
  })
}

function usesOf({ files }: Kernel, device: BusDevice): PciUse[] {
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  return address === null ? busUses(files, device) : new PciUses(files).of(address)
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`
}
