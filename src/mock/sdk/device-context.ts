import type { Clock } from '../base/clock.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { GuestMemory } from '../memory/guest-memory.ts'
import type { ParentBus } from '../memory/parent-dma.ts'
import type { ScenarioSubchannel } from '../scenario/scenario.ts'
import type { DeviceModel } from './device-model.ts'

/** Context that the kernel gives a mediated driver for one opened device. */
export interface DeviceContext {
  /** The device's UUID. */
  readonly name: string
  /** Its parent's name and its type's id. */
  readonly parent: string
  readonly type: string
  /** The subchannel that is its parent, if it is one of the scenario's. */
  readonly subchannel: ScenarioSubchannel | null
  /** Traits of its kernel. */
  readonly traits: KernelTraits
  /** Memory of the process that has it, by the addresses that the process gave the device. */
  readonly memory: GuestMemory
  /** The parent's hardware: what it reads and writes by the addresses of `memory.dmaAddress`. */
  readonly bus: ParentBus
  readonly clock: Clock
  /** Notes that the device raised an interrupt; `MdevModel` calls it. */
  raised(index: number, vector: number): void
  /** State that the model saved when it was closed last, null at first. From a file, perhaps: not to be trusted. */
  readonly saved: unknown
}

/** Makes the model of a device whenever it is opened for the first time, or again after it was closed. */
export type MakeModel = (context: DeviceContext) => DeviceModel
