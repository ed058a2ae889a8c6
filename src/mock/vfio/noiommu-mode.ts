import type { Scenario } from '../scenario.ts'

/** The kernel has CONFIG_VFIO_NOIOMMU, on or off: the module's parameter is there. */
export function hasNoiommuMode({ modules }: Scenario): boolean {
  return modules['vfio']?.['enable_unsafe_noiommu_mode'] !== undefined
}
