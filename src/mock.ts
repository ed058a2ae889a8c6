/**
 * `vfioctl/mock`: a simulated host, for tests without hardware or root, and the parts to make device models of.
 *
 * `createMockHost()` is where a test starts. A model is a class that extends `MdevModel`, has regions and interrupts, and
 * does what its device does.
 */
import './platform-types.ts'

export type { Kernel } from './kernel/kernel.ts'
export { Errno } from './mock/errno.ts'
export type { KernelVersion } from './mock/kernel-traits.ts'
export { readScenario } from './mock/scenario/read-scenario.ts'
export type {
  Scenario,
  ScenarioAp,
  ScenarioAttribute,
  ScenarioMdevType,
  ScenarioParent,
  ScenarioPciDevice,
  ScenarioPciFunction,
  ScenarioSriov,
  ScenarioSubchannel,
  ScenarioVgpus,
  ScenarioVgpuType,
} from './mock/scenario/scenario.ts'
export type { Clock } from './mock/sdk/clock.ts'
export type { DeviceContext, MakeModel } from './mock/sdk/device-context.ts'
export type { DeviceModel } from './mock/sdk/device-model.ts'
export type { CallFilter, Faults } from './mock/sdk/faults.ts'
export type { CallingProcess, Feature } from './mock/sdk/feature.ts'
export type { GuestMemory } from './mock/sdk/guest-memory.ts'
export type { FileWrite, Inspection, MappingState, PinnedPageState, RaisedInterrupt } from './mock/sdk/inspection.ts'
export { LineIrq, MessageIrq, type ModelIrq } from './mock/sdk/irq.ts'
export type { CallName, RequestName } from './mock/sdk/machine-observer.ts'
export { MdevModel } from './mock/sdk/mdev-model.ts'
export { type Fault, MemoryRegion, type MemoryRegionOptions } from './mock/sdk/memory-region.ts'
export { Migration, type MigrationOptions } from './mock/sdk/migration.ts'
export { createMockHost, MockHost, type MockHostOptions } from './mock/sdk/mock-host.ts'
export type { UnmapListener } from './mock/sdk/page-pins.ts'
export type { ParentBus } from './mock/sdk/parent-dma.ts'
export { PciConfig, type PciConfigOptions } from './mock/sdk/pci-config.ts'
export type { MakeFunction, PciBus, PciFunction } from './mock/sdk/pci-function.ts'
export {
  type AccessWidth,
  type ModelRegion,
  TrappedRegion,
  type TrappedRegionOptions,
} from './mock/sdk/region.ts'
export type { RegisteredFunction, RegisteredModel } from './mock/sdk/registered-model.ts'
export { type SparsePart, SparseRegion } from './mock/sdk/sparse-region.ts'
export { mockStateDirectory, resetMock } from './mock/state/state-directory.ts'
export { pciIrqIndex, pciRegionIndex } from './uapi/indexes.ts'
