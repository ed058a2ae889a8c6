import { VfioError } from '../../errors.ts'
import { readPciBinding } from '../../host/pci-binding.ts'
import { readPciUses } from '../../host/pci-uses.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import { readVgpuFunctions } from '../../host/vgpu-functions.ts'
import { knownTypeName } from '../../host/vgpu-type-names.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { heldPci } from '../bindings/change-driver.ts'
import { checkNotHeld } from '../device/hold-device.ts'

/** What the card's virtual functions are and are used for: they would go. */
export function functionUses(files: HostFiles, { address: card, functions }: PhysicalFunction): string[] {
  return [
    ...readVgpuFunctions(files, card).functions.flatMap(({ address, type }) =>
      type === null || type === 0 ? [] : [`${address} is a vGPU (${knownTypeName(files, type) ?? `type ${type}`})`],
    ),
    ...functions.flatMap((address) => readPciUses(files, address).map((use) => `${address}: ${use}`)),
  ]
}

/** DEVICE_BUSY where a virtual function of the card is open, is a vGPU or is used otherwise. */
export function checkFunctionsUnused(kernel: Kernel, physical: PhysicalFunction): void {
  const { files } = kernel
  const { address: card, functions } = physical
  const uses = functionUses(files, physical)
  if (uses.length > 0) {
    throw new VfioError('DEVICE_BUSY', `cannot change the virtual functions of ${card}: ${uses.join('; ')}`, {
      hint: `vfioctl list -p ${card}; vfioctl stop DEVICE`,
      facts: { card, uses },
    })
  }
  for (const address of functions) checkNotHeld(kernel, heldPci(kernel, readPciBinding(files, address)))
}
