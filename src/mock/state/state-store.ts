import type { Scenario } from '../scenario/scenario.ts'
import { addUevents } from '../uevents/uevents.ts'
import { initialState } from './initial-state.ts'
import { finishRemovals, type MockState, type Snapshot } from './state.ts'

/** Where the state of a mock machine is kept. */
export interface StateStore {
  /** The newest state. The same object as long as nothing changed. */
  read(): Snapshot
  /**
   * One transaction: `change` works on a copy, which becomes the state once it returns; where it throws, nothing
   * happened. It may run several times, whenever another process was faster, and so has no effect besides the copy's.
   */
  update<T>(change: (draft: MockState) => T): T
}

/** State that ends with the kernel object. */
export class MemoryStore implements StateStore {
  readonly #scenario: Scenario
  #state: MockState

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#state = initialState(scenario)
  }

  read(): Snapshot {
    return this.#state
  }

  update<T>(change: (draft: MockState) => T): T {
    const draft = structuredClone(this.#state)
    const result = change(draft)
    finishRemovals(draft)
    addUevents(this.#scenario, this.#state, draft)
    this.#state = draft
    return result
  }
}
