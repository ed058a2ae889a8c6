import { moduleParameter } from '../files/module-parameters.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'

const parameter = ['vfio', 'enable_unsafe_noiommu_mode'] as const

/** The kernel has CONFIG_VFIO_NOIOMMU, whether it is allowed or not. */
export function hasNoiommuMode(scenario: Scenario): boolean {
  return scenario.modules[parameter[0]]?.[parameter[1]] !== undefined
}

/** Devices without an IOMMU may be used, by whoever may do everything. */
export function isNoiommuAllowed(scenario: Scenario, state: Snapshot): boolean {
  return moduleParameter(scenario, state, ...parameter) === 'Y'
}
