import type { Scenario } from '../scenario/scenario.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { letGo, probe, removeVfs } from './binding.ts'
import { freeIommuGroup, type PciDevice, pciDevices, pciDraft, pciRecord } from './devices.ts'
import { isAloneOnBus } from './reset.ts'

/**
 * A write to a device's `remove`: it leaves the bus, with what is behind it, once nobody has it open any more. Returns
 * the addresses of all that leave.
 */
export function removeDevice(draft: MockState, scenario: Scenario, device: PciDevice): string[] {
  return withThoseBehind(scenario, draft, device).flatMap((leaving) => {
    letGo(draft, leaving)
    removeVfs(draft, leaving)
    pciDraft(draft, leaving).leaving = true
    return [leaving.address, ...pciRecord(draft, leaving).vfs]
  })
}

/** True if the device was taken off the bus. */
export function isRemoved(state: Snapshot, device: PciDevice): boolean {
  return pciRecord(state, device).removed
}

/** A write to `rescan`: what was removed is found again, and offered to the drivers. */
export function rescan(draft: MockState, scenario: Scenario): void {
  for (const device of scenario.pci) {
    if (!pciRecord(draft, device).removed || isBehindRemoved(draft, scenario, device)) continue
    const { iommuGroup, groupedWhenProbed = false } = device
    const isTaken = draft.mdevs.some(({ group }) => group === iommuGroup) || isGroupOfVf(draft, iommuGroup)
    const record = pciDraft(draft, device)
    record.removed = false
    record.foundAlone = isAloneOnBus(scenario, draft, device)
    if (device.hungUntil === 'rescan') record.isRevived = true
    record.group = groupedWhenProbed ? null : isTaken ? freeIommuGroup(scenario, draft) : iommuGroup
    if (draft.pciBus.autoprobe) probe(draft, scenario, { ...device, iommuGroup: record.group })
  }
}

function withThoseBehind(scenario: Scenario, state: Snapshot, device: PciDevice): PciDevice[] {
  const isVf = (other: PciDevice) => other.physfn !== undefined
  return pciDevices(scenario, state).filter(
    (other) => other.address === device.address || (!isVf(other) && other.behind?.includes(device.address) === true),
  )
}

function isBehindRemoved(state: Snapshot, { pci }: Scenario, { behind = [] }: PciDevice): boolean {
  return pci.some((bridge) => behind.includes(bridge.address) && pciRecord(state, bridge).removed)
}

function isGroupOfVf(state: Snapshot, group: number | null): boolean {
  return Object.values(state.pci).some((record) => record.physfn !== null && record.group === group)
}
