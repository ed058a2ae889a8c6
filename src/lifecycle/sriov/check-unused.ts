import { VfioError } from '../../base/errors.ts'
import { onPci } from '../../host/bus/bus-device.ts'
import { readBinding } from '../../host/driver-binding.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { heldDevice } from '../bindings/change-driver.ts'
import { checkNotHeld } from '../device/device-lock.ts'
import { endsOf, type PciUse } from '../in-use/pci-use.ts'
import { PciUses, usesOfFunction } from '../in-use/pci-uses.ts'

/** The uses of the card's virtual functions, as vGPUs and otherwise: they would go. */
export function functionUses(files: HostFiles, { functions }: PhysicalFunction): PciUse[] {
  const uses = new PciUses(files).ofAll(functions)
  return functions.flatMap((address) => usesOfFunction(address, uses.get(address) ?? []))
}

/** DEVICE_BUSY if a virtual function of the card is open, is a vGPU or is used otherwise. `what` is to be changed. */
export function checkFunctionsUnused(kernel: Kernel, physical: PhysicalFunction, what = 'virtual functions'): void {
  const { files } = kernel
  const { address: card, functions } = physical
  const found = functionUses(files, physical)
  if (found.length > 0) {
    const uses = found.map(({ what }) => what)
    const ends = endsOf(found)
    throw new VfioError('DEVICE_BUSY', `cannot change the ${what} of ${card}: ${uses.join('; ')}`, {
      hint: ends === '' ? `vfioctl list -p ${card} shows them` : ends,
      facts: { card, uses },
    })
  }
  for (const address of functions) checkNotHeld(kernel, heldDevice(kernel, readBinding(files, onPci(address))))
}
