import { Errno } from '../base/errno.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { freeVfioIndex, type MockState, type Snapshot } from '../state/state.ts'
import { freeIommuGroup, type PciDevice, pciDraft, pciRecord } from './devices.ts'
import { addId, matches, pciDrivers, refusal } from './drivers.ts'
import { takeScreen } from './screen.ts'
import { isVfioPci } from './variant-drivers.ts'
import { isVgpuDriver } from './vgpu.ts'

/** A write to `drivers_probe`, and what happens to a new device: the driver that fits takes it, if it is free. */
export function probe(draft: MockState, scenario: Scenario, device: PciDevice): void {
  if (pciRecord(draft, device).driver !== null) return
  for (const driver of pciDrivers(scenario, draft)) {
    if (!matches(draft, device, driver)) continue
    const offered = grouped(draft, scenario, device)
    // that a driver refuses the device goes to the kernel's log alone
    if (refusal(scenario, draft, offered, driver) !== null) continue
    attach(draft, scenario, offered, driver)
    return
  }
}

/** A write to a driver's `bind`: ENODEV if the driver is not for this device, EBUSY if another has it. */
export function bind(draft: MockState, scenario: Scenario, device: PciDevice, driver: string): void {
  if (!matches(draft, device, driver)) throw new Errno('ENODEV')
  if (pciRecord(draft, device).driver !== null) throw new Errno('EBUSY')
  const offered = grouped(draft, scenario, device)
  const refused = refusal(scenario, draft, offered, driver)
  if (refused !== null) throw new Errno(refused)
  attach(draft, scenario, offered, driver)
}

/** A write to a driver's `new_id`. */
export function newId(draft: MockState, scenario: Scenario, driver: string, bytes: Buffer): void {
  for (const device of addId(draft, scenario, driver, bytes)) {
    if (pciRecord(draft, device).driver !== null) continue
    const offered = grouped(draft, scenario, device)
    if (refusal(scenario, draft, offered, driver) === null) attach(draft, scenario, offered, driver)
  }
}

/** A write to a driver's `unbind`: it ends once nobody has the device open any more. */
export function unbind(draft: MockState, device: PciDevice, driver: string): void {
  const record = pciRecord(draft, device)
  if (record.driver !== driver || record.unbinding) throw new Errno('ENODEV')
  letGo(draft, device)
}

/**
 * The driver gives the device back, with what it made of it: mediated devices, vGPUs, and with vfio-pci, xe or gim
 * the virtual functions.
 */
export function letGo(draft: MockState, device: PciDevice): void {
  const record = pciDraft(draft, device)
  record.unbinding = true
  for (const mdev of draft.mdevs) if (mdev.parent === device.address) mdev.removing = true
  if (record.driver === 'vfio-pci' || device.xe !== undefined || device.gim !== undefined) removeVfs(draft, device)
  if (device.vgpus === undefined || record.driver !== device.driver) return
  for (const vf of record.vfs.flatMap((address) => draft.pci[address] ?? [])) {
    if (vf.driver === device.sriov?.vfDriver) vf.unbinding = true
  }
}

/** Takes all virtual functions from a physical function. */
export function removeVfs(draft: MockState, physfn: PciDevice): void {
  for (const address of pciRecord(draft, physfn).vfs) {
    const vf = draft.pci[address]
    if (vf !== undefined) Object.assign(vf, { unbinding: true, leaving: true })
  }
}

/** True if an unbinding has come to its end. */
export function isUnbound(state: Snapshot, { address }: PciDevice): boolean {
  return state.pci[address]?.unbinding !== true
}

/**
 * A device that is offered to a driver gets its IOMMU group by then, which it keeps whether the driver takes it or not.
 */
function grouped(draft: MockState, scenario: Scenario, device: PciDevice): PciDevice {
  const its = scenario.pci.find(({ address }) => address === device.address)
  if (its?.groupedWhenProbed !== true || pciRecord(draft, device).group !== null) return device
  pciDraft(draft, device).group = its.iommuGroup
  return { ...device, iommuGroup: its.iommuGroup }
}

function attach(draft: MockState, scenario: Scenario, device: PciDevice, driver: string): void {
  const record = pciDraft(draft, device)
  record.driver = driver
  record.runtimeControl = null
  if (device.physfn !== undefined && driver === device.driver) record.usedByHost = true
  takeScreen(draft, scenario, device, driver)
  if (isVfioPci(scenario, driver) && record.group === null) {
    record.group = freeIommuGroup(scenario, draft)
    record.isNoiommu = true
  }
  if (isVfioPci(scenario, driver) || isVgpuDriver(device, driver)) record.vfioIndex = freeVfioIndex(draft)
}
