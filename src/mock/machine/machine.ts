import type { Clock } from '../base/clock.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { ListeningSocket } from '../descriptors/unix-socket.ts'
import type { LockedMemory } from '../memory/locked-memory.ts'
import type { ParentDma } from '../memory/parent-dma.ts'
import type { PhysicalMemory } from '../memory/physical-memory.ts'
import type { DmaOwners } from '../process/dma-owners.ts'
import type { Process } from '../process/process-holdings.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { MakeModel } from '../sdk/device-context.ts'
import type { DeviceModel } from '../sdk/device-model.ts'
import type { MakeFunction } from '../sdk/pci-function.ts'
import type { StateStore } from '../state/state-store.ts'
import type { MachineObserver } from './machine-observer.ts'

/** Hold of a descriptor or a mapping on a device, which keeps it open. */
export interface Use {
  begin(): void
  end(): void
}

/** A device that is open, as the rest of the machine knows it. */
export interface OpenedDevice extends Use {
  readonly model: DeviceModel
  /** Its number among the objects of the iommufd that it is bound to; null if its group was opened. */
  readonly boundId: number | null
}

/** Shared state of the parts of one kernel object. */
export interface Machine extends Process {
  readonly scenario: Scenario
  /** Of the kernel that the scenario names. */
  readonly traits: KernelTraits
  readonly store: StateStore
  readonly locked: LockedMemory
  readonly physical: PhysicalMemory
  /** DMA of the parents of mediated devices, by their names. */
  readonly parents: ReadonlyMap<string, ParentDma>
  /** Owners of IOMMU groups, among the iommufds here. */
  readonly dmaOwners: DmaOwners
  /** The devices that are open here, by the key that the state knows them by. */
  readonly openDevices: Map<string, OpenedDevice>
  /** Sockets that listen here, by their canonical paths. */
  readonly sockets: Map<string, ListeningSocket>
  readonly clock: Clock
  readonly observer: MachineObserver
  /** Device models beside those that ship, by the names that the scenario's types have for them. */
  readonly models: ReadonlyMap<string, MakeModel>
  /** Those of PCI functions, by address. */
  readonly functions: ReadonlyMap<string, MakeFunction>
  /** Resolves once `condition` holds: looked at after each change here, and from time to time for other processes'. */
  readonly waitUntil: (condition: () => boolean) => Promise<void>
}
