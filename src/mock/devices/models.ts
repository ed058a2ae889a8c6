import type { DeviceModel } from '../device.ts'
import type { KernelTraits } from '../kernel-traits.ts'
import type { PciBus, PciFunction } from '../pci-function.ts'
import type { ScenarioModel, ScenarioPciFunction } from '../scenario.ts'
import { Edu } from './edu.ts'
import { MemoryBars } from './memory-bars.ts'
import { Mtty } from './mtty.ts'
import { PlainDevice } from './plain.ts'

/** The model of a mediated device, as `saved` left it; null for a device that was never opened. */
export function makeMdevModel(
  model: ScenarioModel,
  { traits, saved }: { traits: KernelTraits; saved: unknown },
): DeviceModel {
  return model.kind === 'mtty' ? new Mtty(model.ports, { traits, saved }) : new PlainDevice(model, saved)
}

/** What is behind a PCI function's BARs, likewise. */
export function makePciFunction(what: ScenarioPciFunction, bus: PciBus, saved: unknown): PciFunction {
  return what.kind === 'edu' ? new Edu(bus, saved) : new MemoryBars(what.bars, saved)
}
