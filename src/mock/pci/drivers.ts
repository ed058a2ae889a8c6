import { Errno } from '../base/errno.ts'
import { kernelTraits } from '../base/kernel-traits.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { isNoiommuAllowed } from '../state/module-parameters.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { type PciDevice, pciDevices, pciRecord } from './devices.ts'
import { genericDrivers, isVfioPci } from './variant-drivers.ts'
import { isVgpuDriver } from './vgpu.ts'

/** The drivers of the PCI bus: those that the scenario's devices name, and the generic ones that are loaded. */
export function pciDrivers(scenario: Scenario, state: Snapshot): Set<string> {
  const own = scenario.pci.flatMap(({ driver, sriov }) => [driver, sriov?.vfDriver ?? null])
  return new Set([...own.filter((driver) => driver !== null), ...genericDrivers(scenario, state).keys()])
}

/** True if the driver is for the device: by an override, else by its own ids, else by those it was given. */
export function matches(state: Snapshot, device: PciDevice, driver: string): boolean {
  const { driverOverride } = pciRecord(state, device)
  if (driverOverride !== null) return driverOverride === driver
  return device.driver === driver || (state.pciBus.ids[driver] ?? []).some((id) => isIdOf(device, id))
}

type Ids = Pick<PciDevice, 'vendor' | 'device' | 'subsystemVendor' | 'subsystemDevice'>

/** Ids as far as they are given: vendor, device, and those of the subsystem. */
function isIdOf(device: Ids, id: readonly string[]): boolean {
  const its = [device.vendor, device.device, device.subsystemVendor, device.subsystemDevice].map(Number)
  return id.every((part, index) => part === 'any' || Number.parseInt(part, 16) === its[index])
}

/** Errno of the driver's probe for a device that it matches; null if it takes it. */
export function refusal(scenario: Scenario, state: Snapshot, device: PciDevice, driver: string): string | null {
  if (!mayProbe(scenario, state, device)) return 'ENODEV'
  // bridges, and devices that no IOMMU isolates
  const isIsolated = device.iommuGroup !== null || isNoiommuAllowed(scenario, state)
  if (isVfioPci(scenario, driver) && (isBridge(device) || !isIsolated)) return 'EINVAL'
  // a virtual function of such a GPU is nothing without the card's own driver
  if (isVfioPci(scenario, driver) && device.physfn !== undefined && device.vgpus !== undefined) return 'EINVAL'
  if (isVgpuDriver(device, driver) && !isWithItsDriver(scenario, state, device.physfn)) return 'ENODEV'
  return driver === device.driver || genericDrivers(scenario, state).has(driver) ? null : 'ENODEV'
}

function isWithItsDriver(scenario: Scenario, state: Snapshot, address: string | undefined): boolean {
  const device = scenario.pci.find((candidate) => candidate.address === address)
  return device !== undefined && device.driver !== null && pciRecord(state, device).driver === device.driver
}

/** A virtual function is kept from drivers if its physical function says so, unless one is named for it. */
function mayProbe(scenario: Scenario, state: Snapshot, device: PciDevice): boolean {
  const physfn = scenario.pci.find(({ address }) => address === device.physfn)
  if (physfn === undefined) return true
  return pciRecord(state, physfn).vfsAutoprobe || pciRecord(state, device).driverOverride !== null
}

function isBridge(device: PciDevice): boolean {
  return device.class.startsWith('0x0604')
}

/**
 * A write to `new_id`: EINVAL for what is no id, EEXIST if the driver takes such a device already, which is not asked
 * of an id in full. The devices that fit and are free are the driver's then.
 */
export function addId(draft: MockState, scenario: Scenario, driver: string, bytes: Buffer): PciDevice[] {
  const fields = parseId(bytes)
  const ids = draft.pciBus.ids[driver] ?? []
  const id = kept(fields)
  const such = idsOf(fields, kernelTraits(scenario).newIdBits)
  const own = scenario.pci.filter((device) => device.driver === driver).map(({ vendor, device }) => [vendor, device])
  const isKnown = [...ids, ...own].some((other) => isIdOf(such, other))
  if (fields.length < fullId && isKnown) throw new Errno('EEXIST')
  // what the driver makes of its own ids, of which all that are known have nothing
  if ((fields[6] ?? 0n) !== 0n) throw new Errno('EINVAL')
  draft.pciBus.ids[driver] = [...ids, id]
  return pciDevices(scenario, draft).filter((device) => matches(draft, device, driver))
}

/**
 * A write to `remove_id`: the first that has the numbers that are given goes; ENODEV if none has. Devices that it
 * brought stay with the driver.
 */
export function removeId(draft: MockState, driver: string, bytes: Buffer): void {
  const wanted = kept(parseId(bytes))
  const ids = draft.pciBus.ids[driver] ?? []
  const at = ids.findIndex((id) => wanted.every((part, index) => (index >= 2 && part === 'any') || part === id[index]))
  if (at < 0) throw new Errno('ENODEV')
  draft.pciBus.ids[driver] = ids.toSpliced(at, 1)
}

/** Vendor, device, those of the subsystem, class, its mask, and the driver's own number. */
const fullId = 7
const anyId = 0xffff_ffffn

/** Hex numbers as sscanf reads them: up to the first thing that is none. Vendor and device must be there. */
function parseId(bytes: Buffer): bigint[] {
  const fields: bigint[] = []
  const number = /\s*(?:0x)?([0-9a-f]+)/iy
  const text = bytes.toString('latin1')
  for (let found = number.exec(text); found !== null && fields.length < fullId; found = number.exec(text)) {
    fields.push(BigInt.asUintN(fields.length < 6 ? 32 : 64, BigInt(`0x${found[1]}`)))
  }
  if (fields.length < 2) throw new Errno('EINVAL')
  return fields
}

/** Ids in hex, 'any' for those left out. The class is not kept. */
function kept([
  vendor = 0n,
  device = 0n,
  subsystemVendor = anyId,
  subsystemDevice = anyId,
]: readonly bigint[]): string[] {
  return [vendor, device, subsystemVendor, subsystemDevice].map((part) => (part === anyId ? 'any' : part.toString(16)))
}

/** A device with these ids, as far as the kernel compares them. */
function idsOf(fields: readonly bigint[], bits: 16 | 32): Ids {
  const [vendor = '', device = '', subsystemVendor = '', subsystemDevice = ''] = [0, 1, 2, 3].map(
    (index) => `0x${BigInt.asUintN(bits, fields[index] ?? anyId).toString(16)}`,
  )
  return { vendor, device, subsystemVendor, subsystemDevice }
}

/** A write to `drivers_autoprobe` of the bus: everything but a 0 is yes. */
export function setBusAutoprobe(draft: MockState, bytes: Buffer): void {
  draft.pciBus.autoprobe = bytes[0] !== '0'.charCodeAt(0)
}
