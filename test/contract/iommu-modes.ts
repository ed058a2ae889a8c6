import type { TestContext } from 'vitest'
import type { Kernel, Mapping } from '../../src/kernel/kernel.ts'
import type { IommuMode } from '../../src/vfio/address-space/address-space.ts'
import { type BoundPci, bindPci, type PciName } from './pci.ts'

/** Those in which an IOMMU translates. */
export const translatingModes = ['type1', 'type1v2', 'compat-type1', 'compat-type1v2', 'iommufd'] as const

export type TranslatingMode = (typeof translatingModes)[number]

/** A PCI device on vfio-pci, for a test in one IOMMU mode; skips the test where the kernel has no such mode. */
export async function bindForMode(context: TestContext, mode: IommuMode, name: PciName): Promise<BoundPci> {
  const bound = await bindPci(context, name)
  skipWithoutMode(context, bound.kernel, mode)
  return bound
}

export function skipWithoutMode({ skip }: TestContext, kernel: Kernel, mode: IommuMode): void {
  if (!mode.startsWith('compat') && mode !== 'iommufd') return
  if (kernel.files.kind('/dev/iommu') === null) skip('this kernel has no iommufd')
  if (mode === 'iommufd' && kernel.files.kind('/dev/vfio/devices') === null) skip('this kernel has no device nodes')
}

export function allocate(kernel: Kernel, size: number): Mapping {
  return kernel.allocateMemory({ size, kind: 'anonymous' })
}
