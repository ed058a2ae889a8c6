import { makePciFunction } from '../devices/models.ts'
import type { ScenarioPciDevice, ScenarioPciFunction } from '../scenario/scenario.ts'
import type { DeviceModel } from '../sdk/device-model.ts'
import type { MakeFunction } from '../sdk/pci-function.ts'
import { type PciServices, VfioPciDevice } from './vfio-pci-device.ts'

/** Of a device that the scenario says nothing more of. */
const bare: ScenarioPciFunction = { kind: 'memory', configSize: 256, config: {}, bars: {}, rom: 0, reset: false }

/** A PCI device as vfio-pci opens it; `saved` is what it kept when it was closed last. */
export function makePciModel(
  device: ScenarioPciDevice,
  { saved, functions, ...services }: PciServices & { saved: unknown; functions: ReadonlyMap<string, MakeFunction> },
): DeviceModel {
  const what = device.function ?? bare
  return new VfioPciDevice(device, what, services, (bus) => makePciFunction(device, what, bus, { saved, functions }))
}
