import { Clock } from '../base/clock.ts'
import { kernelTraits } from '../base/kernel-traits.ts'
import { FdTable } from '../descriptors/fd-table.ts'
import type { Machine } from '../machine/machine.ts'
import { type MachineObserver, nobody } from '../machine/machine-observer.ts'
import { LockedMemory } from '../memory/locked-memory.ts'
import { ParentDma } from '../memory/parent-dma.ts'
import { PhysicalMemory } from '../memory/physical-memory.ts'
import { DmaOwners } from '../process/dma-owners.ts'
import { ProcessHoldings } from '../process/process-holdings.ts'
import type { Scenario, ScenarioParent } from '../scenario/scenario.ts'
import type { MakeModel } from '../sdk/device-context.ts'
import type { MakeFunction } from '../sdk/pci-function.ts'
import { makeStore } from './machine-state.ts'

/** Options of a simulated kernel: its state. */
export interface MockKernelOptions {
  /** Directory of the machine's state, for all processes that name the same one. In memory if absent. */
  readonly stateDirectory?: string
}

/** Options that a `MockHost` adds. */
export interface MachineOptions extends MockKernelOptions {
  /** The machine's time; one of its own if absent. */
  readonly clock?: Clock
  /** Device models beside those that ship, by the names that the scenario's types have for them. */
  readonly models?: ReadonlyMap<string, MakeModel>
  /** Those of PCI functions, by address. */
  readonly functions?: ReadonlyMap<string, MakeFunction>
  readonly observer?: MachineObserver
}

/** A machine as a scenario describes it, in the state that its directory has. */
export function makeMachine(
  scenario: Scenario,
  { stateDirectory, clock, observer, models, functions }: MachineOptions,
  waitUntil: Machine['waitUntil'],
): Machine {
  const store = makeStore(scenario, stateDirectory)
  const fds = new FdTable()
  const traits = kernelTraits(scenario)
  return {
    scenario,
    traits,
    store,
    fds,
    holdings: new ProcessHoldings(store, fds, stateDirectory !== undefined),
    locked: new LockedMemory(scenario.lockedMemory ?? null),
    physical: new PhysicalMemory(traits.pageSize),
    parents: new Map(scenario.parents.map((parent) => [parent.name, parentDma(scenario, parent, traits)])),
    dmaOwners: new DmaOwners(),
    openDevices: new Map(),
    sockets: new Map(),
    clock: clock ?? new Clock(),
    observer: observer ?? nobody,
    models: models ?? new Map(),
    functions: functions ?? new Map(),
    waitUntil,
  }
}

/** A virtual parent has no IOMMU; one on the PCI bus has that of its group. */
function parentDma(
  { pci }: Scenario,
  { name, card = name }: ScenarioParent,
  { pageSize }: Machine['traits'],
): ParentDma {
  const device = pci.find(({ address }) => address === card)
  return new ParentDma({ hasIommu: device !== undefined && device.iommuGroup !== null, pageSize })
}
