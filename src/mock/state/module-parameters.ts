import { Errno } from '../base/errno.ts'
import { kstrtobool, kstrtoull } from '../base/kstrto.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { MockState, Snapshot } from './state.ts'

/** Parameters that can be written while the module is loaded, a yes or no but for one; the others are read-only. */
const writable: ReadonlySet<string> = new Set([
  'iommufd/allow_unsafe_interrupts',
  'vfio/enable_unsafe_noiommu_mode',
  'vfio_iommu_type1/allow_unsafe_interrupts',
  'vfio_iommu_type1/disable_hugepages',
  'vfio_iommu_type1/dma_entry_limit',
  'vfio_pci/disable_idle_d3',
  'vfio_pci/enable_sriov',
  'vfio_pci/nointxmask',
])

/** As /sys/module shows it; null if the module is not loaded, or has no such parameter. */
export function moduleParameter(scenario: Scenario, state: Snapshot, module: string, name: string): string | null {
  return state.parameters[`${module}/${name}`] ?? scenario.modules[module]?.[name] ?? null
}

/** Devices without an IOMMU may be used, by whoever may do everything. */
export function isNoiommuAllowed(scenario: Scenario, state: Snapshot): boolean {
  return moduleParameter(scenario, state, 'vfio', 'enable_unsafe_noiommu_mode') === 'Y'
}

/** True if a module's parameter can be written in sysfs. */
export function isWritable(module: string, name: string): boolean {
  return writable.has(`${module}/${name}`)
}

/** EINVAL for what is neither yes nor no, or no number. */
export function setModuleParameter(draft: MockState, module: string, name: string, bytes: Buffer): void {
  if (!isWritable(module, name)) throw new Errno('EACCES')
  const isNumber = name === 'dma_entry_limit'
  const value = isNumber ? String(kstrtoull(bytes, { base: 0, bits: 32 })) : kstrtobool(bytes) ? 'Y' : 'N'
  draft.parameters[`${module}/${name}`] = value
}
