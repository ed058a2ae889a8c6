import { Errno } from '../base/errno.ts'
import type { Scenario, ScenarioVgpus, ScenarioVgpuType } from '../scenario/scenario.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { findPciDevice, type PciDevice, pciDraft, pciRecord } from './devices.ts'
import { type CutGpu, gpuInstanceFor } from './gpu-instances.ts'
import { type DriverModel, openDriver, proprietaryDriver, type VgpuFunction } from './vgpu-drivers.ts'

/** True if this driver makes a VFIO device of the virtual function by itself: NVIDIA's vendor-specific VFIO. */
export function isVgpuDriver(device: PciDevice, driver: string | null): boolean {
  return device.physfn !== undefined && device.vgpus !== undefined && driver !== null && driver === device.driver
}

function vgpuFunction(state: Snapshot, device: PciDevice, vgpus: ScenarioVgpus): VgpuFunction {
  const physfn = state.pci[device.physfn ?? '']
  const functions = (physfn?.vfs ?? []).map((vf) => state.pci[vf])
  const types = functions.map((vf) => vf?.vgpuType ?? 0)
  return {
    heterogeneous: physfn?.heterogeneous === true,
    cut: physfn?.mig === true ? cutGpu(vgpus, physfn.gpuInstances, functions) : null,
    vgpus,
    type: pciRecord(state, device).vgpuType,
    inUse: types.filter((type) => type !== 0),
    isOpen: state.processes.some(({ devices }) => devices.includes(pciKey(device.address))),
  }
}

function cutGpu(
  { types }: ScenarioVgpus,
  instances: CutGpu['instances'],
  functions: readonly (Snapshot['pci'][string] | undefined)[],
): CutGpu {
  const carried = new Map<number, ScenarioVgpuType[]>()
  for (const vf of functions) {
    const type = types.find(({ id }) => id === vf?.vgpuType)
    if (vf?.gpuInstance == null || type === undefined) continue
    carried.set(vf.gpuInstance, [...(carried.get(vf.gpuInstance) ?? []), type])
  }
  return { instances, carried }
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
  const vf = vgpuFunction(draft, device, device.vgpus)
  const type = driverModel(device.vgpus).store(vf, bytes)
  const made = device.vgpus.types.find(({ id }) => id === type)
  const record = pciDraft(draft, device)
  record.vgpuType = type
  record.gpuInstance = made === undefined || vf.cut === null ? null : gpuInstanceFor(vf.cut, made)
  record.model = null
}

/** The type that the function has, or null. */
export function currentVgpu(state: Snapshot, device: PciDevice): ScenarioVgpuType | null {
  const { vgpuType } = pciRecord(state, device)
  return device.vgpus?.types.find(({ id }) => id === vgpuType) ?? null
}
