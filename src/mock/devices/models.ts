import { Errno } from '../base/errno.ts'
import type { ScenarioModel, ScenarioPciDevice, ScenarioPciFunction } from '../scenario/scenario.ts'
import type { DeviceContext, MakeModel } from '../sdk/device-context.ts'
import type { DeviceModel } from '../sdk/device-model.ts'
import type { MakeFunction, PciBus, PciFunctionModel } from '../sdk/pci-function.ts'
import { Edu } from './edu.ts'
import { Mbochs } from './mbochs.ts'
import { Mdpy } from './mdpy.ts'
import { MemoryBars } from './memory-bars.ts'
import { Mtty } from './mtty.ts'
import { Nvme } from './nvme.ts'
import { PciTestdev } from './pci-testdev.ts'
import { PlainDevice } from './plain.ts'
import { VfioAp } from './vfio-ap.ts'
import { VfioCcw } from './vfio-ccw.ts'
import { Vgpu } from './vgpu.ts'

/** The model of a mediated device: one that ships, or of those that were registered the one the scenario names. */
export function makeMdevModel(
  model: ScenarioModel,
  context: DeviceContext,
  registered: ReadonlyMap<string, MakeModel>,
): DeviceModel {
  switch (model.kind) {
    case 'mtty':
      return new Mtty(model.ports, context)
    case 'mdpy':
      return new Mdpy(model, context)
    case 'mbochs':
      return new Mbochs(model, context)
    case 'vfio-ap':
      return new VfioAp(context)
    case 'vfio-ccw':
      return new VfioCcw(context)
    case 'vgpu':
      return new Vgpu(model, context)
    case 'plain':
      return new PlainDevice(model, context)
    case 'registered': {
      const make = registered.get(model.name)
      if (make === undefined) throw new Errno('ENODEV')
      return make(context)
    }
  }
}

/** Makes the model behind a PCI function's BARs from `saved`, which is null for a device that was never opened. */
export function makePciFunction(
  device: ScenarioPciDevice,
  what: ScenarioPciFunction,
  bus: PciBus,
  { saved, functions }: { saved: unknown; functions: ReadonlyMap<string, MakeFunction> },
): PciFunctionModel {
  switch (what.kind) {
    case 'registered': {
      const make = functions.get(device.address)
      if (make === undefined) throw new Errno('ENODEV')
      return make(bus, saved)
    }
    case 'edu':
      return new Edu(bus, saved)
    case 'nvme':
      return new Nvme(device, bus)
    case 'pci-testdev':
      return new PciTestdev()
    case 'memory':
      return new MemoryBars(what.bars, saved)
  }
}
