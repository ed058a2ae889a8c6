import { Errno } from '../base/errno.ts'
import { makeMdevModel, makePciFunction } from '../devices/models.ts'
import type { Machine } from '../machine/machine.ts'
import type { DmaAccess } from '../memory/dma-mapping.ts'
import type { DmaMappings } from '../memory/dma-mappings.ts'
import { DeviceMemory } from '../memory/guest-memory.ts'
import { ParentDma } from '../memory/parent-dma.ts'
import type { PciDevice } from '../pci/devices.ts'
import { pciRecord } from '../pci/devices.ts'
import { canReset } from '../pci/reset.ts'
import { vfTokenFeature } from '../pci/vf-token.ts'
import { currentVgpu } from '../pci/vgpu.ts'
import { typeOf } from '../scenario/parents.ts'
import type { ScenarioModel, ScenarioPciFunction } from '../scenario/scenario.ts'
import type { DeviceModel } from '../sdk/device-model.ts'
import type { Frozen, MdevRecord, Snapshot } from '../state/state.ts'
import { VfioPciDevice } from '../vfio-pci/vfio-pci-device.ts'
import { BusReset } from './bus-reset.ts'

/** Services that a driver gets for one opened device. */
export interface DriverServices {
  readonly machine: Machine
  /** The translations of the address space that the device is in at the moment. */
  readonly space: () => DmaMappings | null
}

/** Of a device that the scenario says nothing more of. */
const bare: ScenarioPciFunction = { kind: 'memory', configSize: 256, config: {}, bars: {}, rom: 0, reset: false }

/** A PCI device as vfio-pci opens it; `saved` is what it kept when it was closed last. */
export function makePciModel(
  device: PciDevice,
  { isNoiommu, saved }: { readonly isNoiommu: boolean; readonly saved: unknown },
  { machine, space }: DriverServices,
): DeviceModel {
  const { clock, observer, traits, store, physical, functions } = machine
  const translated: DmaAccess = {
    read: (iova, into) => space()?.read(iova, into) ?? false,
    write: (iova, from) => space()?.write(iova, from) ?? false,
  }
  const what = device.function ?? bare
  const services = {
    dma: isNoiommu ? physical : translated,
    clock,
    traits,
    features: vfTokenFeature(store, device),
    hotReset: new BusReset(machine, device),
    canReset: () => canReset(store.read(), device),
    raised: (index: number, vector: number) => observer.raised({ device: device.address, index, vector }),
  }
  return new VfioPciDevice(device, what, services, (bus) => makePciFunction(device, what, bus, { saved, functions }))
}

/** A virtual function that its driver made a vGPU of: ENODEV while no type is chosen. */
export function makeVgpuModel(device: PciDevice, state: Snapshot, services: DriverServices): DeviceModel {
  const type = currentVgpu(state, device)
  if (type === null) throw new Errno('ENODEV')
  const what = { name: device.address, parent: device.physfn ?? '', type: String(type.id), model: type.model }
  const parentDma = new ParentDma({ hasIommu: true, pageSize: services.machine.traits.pageSize })
  return makeMediated({ ...what, saved: pciRecord(state, device).model, parentDma }, services)
}

/** ENODEV if the scenario has no such parent, or it has no such type. */
export function makeMdev(
  { uuid, parent: name, type: id, model: saved }: Pick<Frozen<MdevRecord>, 'uuid' | 'parent' | 'type' | 'model'>,
  services: DriverServices,
): DeviceModel {
  const { scenario, parents } = services.machine
  const parent = scenario.parents.find((candidate) => candidate.name === name)
  const type = parent === undefined ? undefined : typeOf(parent, id)
  const parentDma = parents.get(name)
  if (type === undefined || parentDma === undefined) throw new Errno('ENODEV')
  return makeMediated({ name: uuid, parent: name, type: id, model: type.model, saved, parentDma }, services)
}

/** The model of what a driver makes of a piece of its hardware. */
function makeMediated(
  {
    model,
    parentDma,
    ...what
  }: {
    readonly name: string
    readonly parent: string
    readonly type: string
    readonly model: ScenarioModel
    readonly saved: unknown
    readonly parentDma: ParentDma
  },
  { machine, space }: DriverServices,
): DeviceModel {
  const { physical, traits, clock, observer, models, scenario } = machine
  const subchannel = scenario.css?.find(({ id }) => id === what.parent) ?? null
  const memory = new DeviceMemory({ space, physical, parent: parentDma, pageSize: traits.pageSize })
  const raised = (index: number, vector: number) => observer.raised({ device: what.name, index, vector })
  const context = { ...what, subchannel, traits, memory, bus: parentDma, clock, raised }
  return releasing(makeMdevModel(model, context, models), memory)
}

/** Unpins what the model leaves pinned, once it is closed. */
function releasing(model: DeviceModel, memory: DeviceMemory): DeviceModel {
  const close = model.close?.bind(model)
  model.close = () => {
    close?.()
    memory.release()
  }
  return model
}
