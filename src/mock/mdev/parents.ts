import { findPciDevice, pciRecord } from '../pci/devices.ts'
import { subchannelRecord } from '../s390/subchannels.ts'
import { matrixParent } from '../scenario/parents.ts'
import type { Scenario, ScenarioParent } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'

/** Whether the parent's driver has it registered: that of a PCI device or a subchannel, while it has the device. */
export function isRegistered(scenario: Scenario, state: Snapshot, parent: ScenarioParent): boolean {
  if (parent.virtualClass !== undefined) return true
  if (parent.name === matrixParent && scenario.ap !== undefined) return 'vfio_ap' in scenario.modules
  const subchannel = scenario.css?.find(({ id }) => id === parent.name)
  if (subchannel !== undefined) {
    const record = subchannelRecord(state, subchannel)
    return record.driver === 'vfio_ccw' && !record.unbinding
  }
  const device = findPciDevice(scenario, state, parent.name)
  if (device === undefined) return false
  const { driver, unbinding } = pciRecord(state, device)
  return driver !== null && driver === device.driver && !unbinding
}
