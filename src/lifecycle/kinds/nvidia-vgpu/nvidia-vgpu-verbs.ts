import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, pciAddressOrNull, printable } from '../../../base/units.ts'
import type { DeviceVerbs } from '../../device/virtual-device-kind.ts'
import { defineVgpu, undefineVgpu } from './define-vgpu.ts'
import { modifyVgpu } from './modify-vgpu.ts'
import { definedVgpus } from './restore-vgpus.ts'
import { startVgpu } from './start-vgpu.ts'
import { stopVgpu } from './stop-vgpu.ts'

/** The verbs for NVIDIA's vGPUs. */
export const nvidiaVgpuVerbs: DeviceVerbs = {
  define: (kernel, { name, ...rest }, options) => defineVgpu(kernel, { ...rest, ...named(name) }, options),
  modify: (kernel, { name, parent: _, ...edit }, options) => modifyVgpu(kernel, addressOf(name), edit, options),
  async undefine(kernel, { name }, options) {
    return [await undefineVgpu(kernel, addressOf(name), options)]
  },
  start: (kernel, { name, ...rest }, options) => startVgpu(kernel, { ...rest, ...named(name) }, options),
  stop: (kernel, { name }, options) => stopVgpu(kernel, addressOf(name), options),
  restore: definedVgpus,
}

function named(name: string | undefined): { readonly address?: PciAddress } {
  return name === undefined ? {} : { address: addressOf(name) }
}

function addressOf(name: string): PciAddress {
  const address = pciAddressOrNull(name)
  if (address !== null) return address
  throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' is not a PCI address`, { hint: 'vfioctl list' })
}
