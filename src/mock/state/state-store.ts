import { finishRemovals, type MockState, type Snapshot } from './state.ts'

/** Store of a mock machine's state. */
export interface StateStore {
  /** The newest state. The same object as long as nothing changed. */
  read(): Snapshot
  /**
   * One transaction: `change` works on a copy, which becomes the state once it returns; if it throws, nothing
   * happened. It may run several times, whenever another process was faster, and so has no effect besides the copy's.
   */
  update<T>(change: (draft: MockState) => T): T
}

/** Ends each transaction: what the machine does of itself about what changed. */
export type OnChange = (before: Snapshot, draft: MockState) => void

/** State that ends with the kernel object. */
export class MemoryStore implements StateStore {
  readonly #onChange: OnChange
  #state: MockState

  constructor(initial: MockState, onChange: OnChange) {
    this.#state = initial
    this.#onChange = onChange
  }

  read(): Snapshot {
    return this.#state
  }

  update<T>(change: (draft: MockState) => T): T {
    const draft = structuredClone(this.#state)
    const result = change(draft)
    finishRemovals(draft)
    this.#onChange(this.#state, draft)
    this.#state = draft
    return result
  }
}
