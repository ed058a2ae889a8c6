import type { Scenario } from '../scenario/scenario.ts'

/** The module is loaded; with it come the devices' own nodes (CONFIG_VFIO_DEVICE_CDEV). */
export function hasIommufd({ modules }: Scenario): boolean {
  return 'iommufd' in modules
}
