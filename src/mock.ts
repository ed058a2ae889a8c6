/**
 * `vfioctl/mock`: a simulated host, for tests without hardware or root, and the parts to make device models of.
 *
 * `createMockHost()` is where a test starts. A model is a class that extends `MdevModel`, has regions and interrupts,
 * and does what its device does.
 */
import './platform-types.ts'

/** Types of a `MockHost`'s `host()`, and whatever else both doors have. */
export type * from './index.ts'
export type { Clock } from './mock/base/clock.ts'
export { Errno } from './mock/base/errno.ts'
export type { KernelTraits } from './mock/base/kernel-traits.ts'
export type { CallFilter, Faults } from './mock/controls/faults.ts'
export type {
  FileWrite,
  Inspection,
  MappingState,
  PinnedPageState,
  RaisedInterrupt,
} from './mock/controls/inspection.ts'
export type { RegisteredFunction, RegisteredModel } from './mock/controls/registered-model.ts'
export type { FdTable } from './mock/descriptors/fd-table.ts'
export type { IoctlArgument, OpenFile, Readiness } from './mock/descriptors/open-file.ts'
export type { Call, CallName, RequestName } from './mock/machine/machine-observer.ts'
export type { MappedDevice } from './mock/memory/bar-mapping.ts'
export type { GuestMemory } from './mock/memory/guest-memory.ts'
export type { UnmapListener } from './mock/memory/page-pins.ts'
export type { ParentBus } from './mock/memory/parent-dma.ts'
export { readScenario } from './mock/scenario/read-scenario.ts'
export type { DeviceContext, MakeModel } from './mock/sdk/device-context.ts'
export type {
  DeviceDescription,
  DeviceModel,
  EventSink,
  IrqDescription,
  IrqSetRequest,
  ModelIoeventfd,
  RegionDescription,
} from './mock/sdk/device-model.ts'
export type { CallingProcess, Feature } from './mock/sdk/feature.ts'
export { LineIrq, MessageIrq, type ModelIrq } from './mock/sdk/irq.ts'
export { MdevModel } from './mock/sdk/mdev-model.ts'
export { type Fault, MemoryRegion, type MemoryRegionOptions } from './mock/sdk/memory-region.ts'
export { type MigrationOptions, ModelMigration } from './mock/sdk/migration.ts'
export { PciConfig, type PciConfigOptions } from './mock/sdk/pci-config.ts'
export type { MakeFunction, PciBus, PciFunctionModel } from './mock/sdk/pci-function.ts'
export { type AccessWidth, type ModelRegion, TrappedRegion, type TrappedRegionOptions } from './mock/sdk/region.ts'
export { type SparsePart, SparseRegion } from './mock/sdk/sparse-region.ts'
export type { ScenarioName } from './mock/shipped/names.ts'
export { mockStateDirectory, resetMock } from './mock/state/state-directory.ts'
export { createMockHost, MockHost, type MockHostOptions } from './mock-host.ts'
export { pciIrqIndex, pciRegionIndex } from './uapi/region.ts'
