import { findPciDevice, pciRecord } from '../pci/devices.ts'
import type { Scenario, ScenarioParent } from '../scenario.ts'
import type { Snapshot } from '../state/state.ts'

/** Whether the parent's driver has it registered: that of a PCI device, while it has the device. */
export function isRegistered(scenario: Scenario, state: Snapshot, parent: ScenarioParent): boolean {
  if (parent.virtualClass !== undefined) return true
  const device = findPciDevice(scenario, state, parent.name)
  if (device === undefined) return false
  const { driver, unbinding } = pciRecord(state, device)
  return driver !== null && driver === device.driver && !unbinding
}
