import type { FdTable } from './descriptors/fd-table.ts'
import type { DmaOwners } from './iommufd/dma-owners.ts'
import type { KernelTraits } from './kernel-traits.ts'
import type { LockedMemory } from './memory/locked-memory.ts'
import type { PhysicalMemory } from './memory/physical-memory.ts'
import type { ProcessHoldings } from './process/process-holdings.ts'
import type { Scenario } from './scenario/scenario.ts'
import type { Clock } from './sdk/clock.ts'
import type { MakeModel } from './sdk/device-context.ts'
import type { MachineObserver } from './sdk/machine-observer.ts'
import type { ParentDma } from './sdk/parent-dma.ts'
import type { MakeFunction } from './sdk/pci-function.ts'
import type { StateStore } from './state/state-store.ts'
import type { OpenDevice } from './vfio/open-device.ts'

/** What the parts of one kernel object share. */
export interface Machine {
  readonly scenario: Scenario
  /** Of the kernel that the scenario names. */
  readonly traits: KernelTraits
  readonly store: StateStore
  readonly fds: FdTable
  readonly holdings: ProcessHoldings
  readonly locked: LockedMemory
  readonly physical: PhysicalMemory
  /** How the parents of mediated devices reach memory, by their names. */
  readonly parents: ReadonlyMap<string, ParentDma>
  /** Who among the iommufds here has which IOMMU group. */
  readonly dmaOwners: DmaOwners
  /** The devices that are open here, by the key that the state knows them by. */
  readonly openDevices: Map<string, OpenDevice>
  readonly clock: Clock
  readonly observer: MachineObserver
  /** Device models beside those that ship, by the names that the scenario's types have for them. */
  readonly models: ReadonlyMap<string, MakeModel>
  /** Those of PCI functions, by address. */
  readonly functions: ReadonlyMap<string, MakeFunction>
  /** Resolves once `condition` holds: looked at after each change here, and from time to time for other processes'. */
  readonly waitUntil: (condition: () => boolean) => Promise<void>
}
