import { findPciDevice, pciRecord } from '../pci/devices.ts'
import { subchannelRecord } from '../s390/subchannels.ts'
import { matrixParent, roomFor, typeOf } from '../scenario/parents.ts'
import type { Scenario, ScenarioMdevType, ScenarioParent } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'

/** True if the parent's driver has it registered: that of a PCI device or a subchannel, while it has the device. */
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

/** Number of devices of a type that the parent still has room for, with those it has given out. */
export function availableInstances(parent: ScenarioParent, type: ScenarioMdevType, state: Snapshot): number {
  const used = state.mdevs.filter((mdev) => isOfCard(mdev.parent, parent, state))
  if (parent.card !== undefined && used.some((mdev) => mdev.parent === parent.name)) return 0
  if (parent.oneTypeAtATime && used.some((mdev) => mdev.type !== type.id)) return 0
  const room = roomFor(
    type.uses,
    parent.capacity,
    used.flatMap((mdev) => typeOf(parent, mdev.type) ?? []),
  )
  return parent.card === undefined ? room : Math.min(1, room)
}

/** True if a device's parent is this one, or another function of its card. */
function isOfCard(name: string, parent: ScenarioParent, { pci }: Snapshot): boolean {
  return name === parent.name || (parent.card !== undefined && pci[name]?.physfn === parent.card)
}
