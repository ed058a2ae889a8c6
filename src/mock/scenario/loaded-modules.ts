import type { Scenario } from './scenario.ts'

/** The module is loaded; with it come the devices' own nodes (CONFIG_VFIO_DEVICE_CDEV). */
export function hasIommufd({ modules }: Scenario): boolean {
  return 'iommufd' in modules
}

/** The kernel has CONFIG_VFIO_NOIOMMU, whether it is allowed or not. */
export function hasNoiommuMode({ modules }: Scenario): boolean {
  return modules['vfio']?.['enable_unsafe_noiommu_mode'] !== undefined
}
