import { VfioError } from '../../errors.ts'
import { readPciBinding } from '../../host/pci-binding.ts'
import { readPciUses } from '../../host/pci-uses.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import { readVgpuFunctions } from '../../host/vgpu-functions.ts'
import { knownTypeName } from '../../host/vgpu-type-names.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { heldPci } from '../bindings/change-driver.ts'
import { checkNotHeld } from '../hold-device.ts'

/** DEVICE_BUSY where a virtual function of the card is open, is a vGPU or is used otherwise: it would go. */
export function checkFunctionsUnused(kernel: Kernel, { address: card, functions }: PhysicalFunction): void {
  const { files } = kernel
  const uses = [
    ...readVgpuFunctions(files, card).functions.flatMap(({ address, type }) =>
      type === null || type === 0 ? [] : [`${address} is a vGPU (${knownTypeName(files, type) ?? `type ${type}`})`],
    ),
    ...functions.flatMap((address) => readPciUses(files, address).map((use) => `${address}: ${use}`)),
  ]
  if (uses.length > 0) {
    throw new VfioError('DEVICE_BUSY', `cannot change the virtual functions of ${card}: ${uses.join('; ')}`, {
      hint: `vfioctl list -p ${card}; vfioctl stop DEVICE`,
      facts: { card, uses },
    })
  }
  for (const address of functions) checkNotHeld(kernel, heldPci(kernel, readPciBinding(files, address)))
}
