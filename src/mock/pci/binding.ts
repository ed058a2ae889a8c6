import { Errno } from '../errno.ts'
import type { Scenario, ScenarioPciDevice } from '../scenario.ts'
import { freeVfioIndex, type MockState, type PciRecord, type Snapshot } from '../state/state.ts'

/** What is known of a PCI device at the moment. */
export function pciRecord(state: Snapshot, device: ScenarioPciDevice): Readonly<PciRecord> {
  return state.pci[device.address] ?? { ...asScenarioSays, driver: device.driver }
}

const asScenarioSays: PciRecord = {
  driver: null,
  driverOverride: null,
  unbinding: false,
  vfioIndex: null,
  model: null,
}

/** Its record to change: made when first asked for. */
export function pciDraft(draft: MockState, device: ScenarioPciDevice): PciRecord {
  draft.pci[device.address] ??= { ...asScenarioSays, driver: device.driver }
  return draft.pci[device.address] ?? asScenarioSays
}

/** The drivers of the PCI bus: those that the scenario's devices name, and vfio-pci where it is loaded. */
export function pciDrivers({ pci, modules }: Scenario): Set<string> {
  const drivers = new Set(pci.flatMap(({ driver }) => (driver === null ? [] : [driver])))
  if ('vfio_pci' in modules) drivers.add('vfio-pci')
  return drivers
}

/** A write to `driver_override`: one line. An empty one ends the override. */
export function override(draft: MockState, device: ScenarioPciDevice, bytes: Buffer): void {
  const text = bytes.toString()
  if (text.length >= 4095) throw new Errno('EINVAL')
  const [name = ''] = text.split('\n', 1)
  pciDraft(draft, device).driverOverride = name === '' ? null : name
}

/** A write to `drivers_probe`: the driver that fits takes the device, if it is free. */
export function probe(draft: MockState, scenario: Scenario, device: ScenarioPciDevice): void {
  const { driver, driverOverride } = pciDraft(draft, device)
  if (driver !== null) return
  const fitting = driverOverride ?? device.driver
  if (fitting === null || !pciDrivers(scenario).has(fitting)) return
  // that the driver refuses the device goes to the kernel's log alone
  if (refusal(device, fitting) === null) attach(draft, device, fitting)
}

/** A write to a driver's `bind`: ENODEV where the driver is not for this device, EBUSY where another has it. */
export function bind(draft: MockState, device: ScenarioPciDevice, driver: string): void {
  const { driver: bound, driverOverride } = pciDraft(draft, device)
  if ((driverOverride ?? device.driver) !== driver) throw new Errno('ENODEV')
  if (bound !== null) throw new Errno('EBUSY')
  const refused = refusal(device, driver)
  if (refused !== null) throw new Errno(refused)
  attach(draft, device, driver)
}

/** A write to a driver's `unbind`. What vfio-pci has, it gives back once nobody has it open any more. */
export function unbind(draft: MockState, device: ScenarioPciDevice, driver: string): void {
  const record = pciDraft(draft, device)
  if (record.driver !== driver || record.unbinding) throw new Errno('ENODEV')
  if (driver === 'vfio-pci') record.unbinding = true
  else record.driver = null
}

/** Whether an unbinding has come to its end. */
export function isUnbound(state: Snapshot, { address }: ScenarioPciDevice): boolean {
  return state.pci[address]?.unbinding !== true
}

function refusal(device: ScenarioPciDevice, driver: string): string | null {
  if (driver !== 'vfio-pci') return driver === device.driver ? null : 'ENODEV'
  // bridges, and devices that no IOMMU isolates
  return isBridge(device) || device.iommuGroup === null ? 'EINVAL' : null
}

function isBridge(device: ScenarioPciDevice): boolean {
  return device.class.startsWith('0x0604')
}

function attach(draft: MockState, device: ScenarioPciDevice, driver: string): void {
  const record = pciDraft(draft, device)
  record.driver = driver
  if (driver !== 'vfio-pci') return
  record.vfioIndex = freeVfioIndex(draft)
}

/** Drivers beside which VFIO may use the rest of a group: they leave DMA alone. */
const harmlessDrivers: ReadonlySet<string> = new Set(['vfio-pci', 'pci-stub', 'pcieport'])

/** Whether VFIO may have the group: no driver uses DMA in it. */
export function isViable(scenario: Scenario, state: Snapshot, group: number): boolean {
  return scenario.pci
    .filter(({ iommuGroup }) => iommuGroup === group)
    .every((device) => {
      const { driver } = pciRecord(state, device)
      return driver === null || harmlessDrivers.has(driver)
    })
}

/** The devices of a group that vfio-pci has. */
export function vfioMembers(scenario: Scenario, state: Snapshot, group: number): readonly ScenarioPciDevice[] {
  return scenario.pci.filter((device) => device.iommuGroup === group && pciRecord(state, device).driver === 'vfio-pci')
}
