import { Errno } from '../base/errno.ts'
import type { Scenario, ScenarioVgpus, ScenarioVgpuType } from '../scenario/scenario.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { findPciDevice, type PciDevice, pciDraft, pciRecord } from './devices.ts'
import { type DriverModel, openDriver, proprietaryDriver, type VgpuFunction } from './vgpu-drivers.ts'

/** True if this driver makes a VFIO device of the virtual function by itself: NVIDIA's vendor-specific VFIO. */
export function isVgpuDriver(device: PciDevice, driver: string | null): boolean {
  return device.physfn !== undefined && device.vgpus !== undefined && driver !== null && driver === device.driver
}

function vgpuFunction(state: Snapshot, device: PciDevice, vgpus: ScenarioVgpus): VgpuFunction {
  const physfn = state.pci[device.physfn ?? '']
  const types = (physfn?.vfs ?? []).map((vf) => state.pci[vf]?.vgpuType ?? 0)
  return {
    vgpus,
    type: pciRecord(state, device).vgpuType,
    inUse: types.filter((type) => type !== 0),
    isOpen: state.processes.some(({ devices }) => devices.includes(pciKey(device.address))),
  }
}

function driverModel({ driverModel: which }: ScenarioVgpus): DriverModel {
  return which === 'open' ? openDriver : proprietaryDriver
}

/** Text of `creatable_vgpu_types`. */
export function creatableTypes(state: Snapshot, device: PciDevice, vgpus: ScenarioVgpus): string {
  return driverModel(vgpus).creatable(vgpuFunction(state, device, vgpus))
}

/** A write to `current_vgpu_type`: an id makes a vGPU of the function, 0 ends it. */
export function setVgpuType(draft: MockState, scenario: Scenario, address: string, bytes: Buffer): void {
  const device = findPciDevice(scenario, draft, address)
  if (device?.vgpus === undefined) throw new Errno('ENODEV')
  const type = driverModel(device.vgpus).store(vgpuFunction(draft, device, device.vgpus), bytes)
  const record = pciDraft(draft, device)
  record.vgpuType = type
  record.model = null
}

/** The type that the function has, or null. */
export function currentVgpu(state: Snapshot, device: PciDevice): ScenarioVgpuType | null {
  const { vgpuType } = pciRecord(state, device)
  return device.vgpus?.types.find(({ id }) => id === vgpuType) ?? null
}
