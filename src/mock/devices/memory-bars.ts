import { savedField } from '../base/saved.ts'
import { SparseMemory } from '../memory/sparse-memory.ts'
import type { PciFunctionModel } from '../sdk/pci-function.ts'

/** A function whose BARs keep what is written to them, and that does nothing by itself. */
export class MemoryBars implements PciFunctionModel {
  readonly #bars: ReadonlyMap<number, SparseMemory>

  constructor(bars: Readonly<Record<string, number>>, saved: unknown) {
    this.#bars = new Map(
      Object.entries(bars).map(([index, size]) => [Number(index), new SparseMemory(size, savedField(saved, index))]),
    )
  }

  load(bar: number, offset: number, into: Uint8Array): void {
    this.#bars.get(bar)?.read(into, offset)
  }

  store(bar: number, offset: number, from: Uint8Array): void {
    this.#bars.get(bar)?.write(from, offset)
  }

  reset(): void {
    for (const memory of this.#bars.values()) memory.clear()
  }

  close(): void {}

  save(): unknown {
    return Object.fromEntries([...this.#bars].map(([index, memory]) => [index, memory.save()]))
  }
}
