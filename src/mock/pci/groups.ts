import type { Scenario } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'
import { type PciDevice, pciDevices, pciRecord } from './devices.ts'
import { isVgpuDriver } from './vgpu.ts'

/** Drivers beside which VFIO may use the rest of a group: they leave DMA alone. */
const harmlessDrivers: ReadonlySet<string> = new Set(['pci-stub', 'pcieport'])

/** The devices of each IOMMU group. */
export function pciGroups(scenario: Scenario, state: Snapshot): Map<number, PciDevice[]> {
  const groups = new Map<number, PciDevice[]>()
  for (const device of pciDevices(scenario, state)) {
    if (device.iommuGroup === null) continue
    const members = groups.get(device.iommuGroup)
    if (members === undefined) groups.set(device.iommuGroup, [device])
    else members.push(device)
  }
  return groups
}

/** True if VFIO may have a group of these: no driver uses DMA in it. */
export function isViable(state: Snapshot, members: readonly PciDevice[]): boolean {
  return members.every((device) => isHarmless(state, device))
}

/** No driver of the host uses DMA with it. */
export function isHarmless(state: Snapshot, device: PciDevice): boolean {
  const { driver } = pciRecord(state, device)
  return driver === null || harmlessDrivers.has(driver) || isVfioDriver(state, device)
}

/** Those of them that a driver of VFIO has. */
export function vfioMembers(state: Snapshot, members: readonly PciDevice[]): PciDevice[] {
  return members.filter((device) => isVfioDriver(state, device))
}

/** One that a driver of VFIO got since has its number there. */
function isVfioDriver(state: Snapshot, device: PciDevice): boolean {
  const { driver, vfioIndex } = pciRecord(state, device)
  return vfioIndex !== null || driver === 'vfio-pci' || isVgpuDriver(device, driver)
}
