import { Errno } from '../errno.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { isNoiommuAllowed } from '../vfio/noiommu-mode.ts'
import { type PciDevice, pciDevices, pciRecord } from './devices.ts'
import { isVgpuDriver } from './vgpu.ts'

/** Drivers that come with a module and have no ids of their own: they take what they are told to. */
const genericDrivers: ReadonlyMap<string, string> = new Map([
  ['vfio_pci', 'vfio-pci'],
  ['pci_stub', 'pci-stub'],
  ['pci_pf_stub', 'pci-pf-stub'],
])

/** The drivers of the PCI bus: those that the scenario's devices name, and the generic ones that are loaded. */
export function pciDrivers({ pci, modules }: Scenario): Set<string> {
  const own = pci.flatMap(({ driver, sriov }) => [driver, sriov?.vfDriver ?? null])
  const generic = Object.keys(modules).map((module) => genericDrivers.get(module) ?? null)
  return new Set([...own, ...generic].filter((driver) => driver !== null))
}

/** Whether the driver is for the device: by an override, else by its own ids, else by those it was given. */
export function matches(state: Snapshot, device: PciDevice, driver: string): boolean {
  const { driverOverride } = pciRecord(state, device)
  if (driverOverride !== null) return driverOverride === driver
  return device.driver === driver || (state.pciBus.ids[driver] ?? []).some((id) => isIdOf(device, id))
}

/** Ids as far as they are given: vendor, device, and those of the subsystem. */
function isIdOf(device: PciDevice, id: readonly string[]): boolean {
  const its = [device.vendor, device.device, device.subsystemVendor, device.subsystemDevice].map(Number)
  return id.every((part, index) => part === 'any' || Number.parseInt(part, 16) === its[index])
}

/** What the driver's probe answers to a device that it matches: null where it takes it. */
export function refusal(scenario: Scenario, state: Snapshot, device: PciDevice, driver: string): string | null {
  if (!mayProbe(scenario, state, device)) return 'ENODEV'
  // bridges, and devices that no IOMMU isolates
  const isIsolated = device.iommuGroup !== null || isNoiommuAllowed(scenario, state)
  if (driver === 'vfio-pci' && (isBridge(device) || !isIsolated)) return 'EINVAL'
  // a virtual function of such a GPU is nothing without the card's own driver
  if (driver === 'vfio-pci' && device.physfn !== undefined && device.vgpus !== undefined) return 'EINVAL'
  if (isVgpuDriver(device, driver) && !isWithItsDriver(scenario, state, device.physfn)) return 'ENODEV'
  return driver === device.driver || [...genericDrivers.values()].includes(driver) ? null : 'ENODEV'
}

function isWithItsDriver(scenario: Scenario, state: Snapshot, address: string | undefined): boolean {
  const device = scenario.pci.find((candidate) => candidate.address === address)
  return device !== undefined && device.driver !== null && pciRecord(state, device).driver === device.driver
}

/** A virtual function is kept from drivers where its physical function says so, unless one is named for it. */
function mayProbe(scenario: Scenario, state: Snapshot, device: PciDevice): boolean {
  const physfn = scenario.pci.find(({ address }) => address === device.physfn)
  if (physfn === undefined) return true
  return pciRecord(state, physfn).vfsAutoprobe || pciRecord(state, device).driverOverride !== null
}

function isBridge(device: PciDevice): boolean {
  return device.class.startsWith('0x0604')
}

/** A write to `new_id`: two to six hex numbers. The devices that fit and are free are the driver's then. */
export function addId(draft: MockState, scenario: Scenario, driver: string, bytes: Buffer): PciDevice[] {
  const id = parseId(bytes)
  const ids = draft.pciBus.ids[driver] ?? []
  const known = scenario.pci.some((device) => device.driver === driver && isIdOf(device, id))
  if (known || ids.some((other) => sameId(other, id))) throw new Errno('EEXIST')
  draft.pciBus.ids[driver] = [...ids, id]
  return pciDevices(scenario, draft).filter((device) => matches(draft, device, driver))
}

/** A write to `remove_id`: ENODEV where it was never given. Devices that it brought stay with the driver. */
export function removeId(draft: MockState, driver: string, bytes: Buffer): void {
  const id = parseId(bytes)
  const ids = draft.pciBus.ids[driver] ?? []
  const at = ids.findIndex((other) => sameId(other, id))
  if (at < 0) throw new Errno('ENODEV')
  draft.pciBus.ids[driver] = ids.toSpliced(at, 1)
}

/** Vendor and device must be there; what follows them may be left out, and is any then. The class is not kept. */
function parseId(bytes: Buffer): string[] {
  const numbers = bytes.toString('latin1').trim().split(/\s+/)
  const isId = numbers.length >= 2 && numbers.length <= 6 && numbers.every((part) => /^(0x)?[0-9a-f]{1,8}$/i.test(part))
  if (!isId) throw new Errno('EINVAL')
  return numbers.slice(0, 4).map((part) => (/^f{8}$/i.test(part) ? 'any' : part.toLowerCase()))
}

/** Of vendor and device. */
function sameId(one: readonly string[], other: readonly string[]): boolean {
  return [0, 1].every((index) => Number.parseInt(one[index] ?? '', 16) === Number.parseInt(other[index] ?? '', 16))
}

/** A write to `drivers_autoprobe` of the bus: everything but a 0 is yes. */
export function setBusAutoprobe(draft: MockState, bytes: Buffer): void {
  draft.pciBus.autoprobe = bytes[0] !== '0'.charCodeAt(0)
}
