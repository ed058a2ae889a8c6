import type { Scenario, ScenarioPciDevice } from '../scenario/scenario.ts'
import { lowestFree, type MockState, type PciRecord, type Snapshot } from '../state/state.ts'

/** A device that is on the bus now, in the group it has now. */
export interface PciDevice extends ScenarioPciDevice {
  /** The physical function of a virtual one. */
  readonly physfn?: string
}

/** Everything on the bus: the scenario's devices that were not removed, and the virtual functions there are. */
export function pciDevices({ pci }: Scenario, state: Snapshot): PciDevice[] {
  return pci
    .flatMap((device): PciDevice[] => {
      const { removed, group, vfs, barSizes } = pciRecord(state, device)
      const what = device.function
      const resized = what === undefined ? {} : { function: { ...what, bars: { ...what.bars, ...barSizes } } }
      return removed
        ? []
        : [{ ...device, ...resized, iommuGroup: group }, ...vfs.flatMap((vf) => virtualFunction(device, vf, state))]
    })
    .sort((a, b) => (a.address < b.address ? -1 : 1))
}

/** The PCI device at an address, fixed or virtual; undefined if none is there. */
export function findPciDevice(scenario: Scenario, state: Snapshot, address: string): PciDevice | undefined {
  return pciDevices(scenario, state).find((device) => device.address === address)
}

function virtualFunction(physfn: ScenarioPciDevice, address: string, { pci }: Snapshot): PciDevice[] {
  const { function: _, hungUntil: __, xe: ___, gim: ____, sriov, ...shared } = physfn
  const record = pci[address]
  if (sriov === undefined || record === undefined) return []
  const { vfDevice, vfDriver, vfFunction } = sriov
  const own = { address, device: vfDevice, driver: vfDriver, iommuGroup: record.group, physfn: physfn.address }
  return [{ ...shared, ...own, ...(vfFunction === undefined ? {} : { function: vfFunction }) }]
}

/** Record of a PCI device as it is at the moment. */
export function pciRecord(state: Snapshot, device: ScenarioPciDevice): Snapshot['pci'][string] {
  return state.pci[device.address] ?? newRecord(device)
}

/** Its record to change: made when first asked for. */
export function pciDraft(draft: MockState, device: ScenarioPciDevice): PciRecord {
  const record = draft.pci[device.address] ?? newRecord(device)
  draft.pci[device.address] = record
  return record
}

/** As the scenario says. */
export function newRecord(
  device: Pick<PciDevice, 'driver' | 'iommuGroup' | 'groupedWhenProbed' | 'physfn'>,
): PciRecord {
  const isGrouped = device.driver !== null || device.groupedWhenProbed !== true
  return {
    driver: device.driver,
    driverOverride: null,
    unbinding: false,
    leaving: false,
    removed: false,
    group: isGrouped ? device.iommuGroup : null,
    groupType: 'DMA',
    enabledByHand: 0,
    isNoiommu: false,
    vfs: [],
    vfsAutoprobe: true,
    vfToken: null,
    physfn: device.physfn ?? null,
    resetMethods: null,
    foundAlone: null,
    barSizes: {},
    isRevived: false,
    d3coldAllowed: null,
    runtimeControl: null,
    vgpuType: 0,
    vgpuAttributes: {},
    gpuInstance: null,
    heterogeneous: false,
    mig: false,
    gpuInstances: [],
    xeShares: {},
    usedByHost: false,
    vfioIndex: null,
    model: null,
  }
}

/** The number that the next IOMMU group gets. */
export function freeIommuGroup(scenario: Scenario, state: Snapshot): number {
  const ofPlatform = (scenario.platform ?? []).flatMap(({ iommuGroup }) => iommuGroup ?? [])
  const ofPci = pciDevices(scenario, state).flatMap(({ iommuGroup }) => iommuGroup ?? [])
  return lowestFree([...ofPci, ...ofPlatform, ...state.mdevs.map(({ group }) => group)])
}
