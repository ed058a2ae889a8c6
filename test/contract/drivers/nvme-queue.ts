import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import type { Region } from '../../../src/vfio/region/region.ts'

export const entries = 16
const commandSize = 64
const completionSize = 16
const doorbells = 0x1000

/** A command's fields by the name, and else by the number, that the NVM Express base specification gives them (3.3.3). */
export interface Command {
  readonly opcode: number
  readonly namespace?: number
  readonly prp1?: bigint
  readonly dword10?: number
  readonly dword11?: number
}

export interface Completion {
  readonly commandId: number
  /** 0 for success; type and code of what went wrong, and the bit that says not to try again. */
  readonly status: number
}

/** A submission and a completion queue in DMA memory. A command's id is its place in the queue. */
export class NvmeQueue {
  readonly submissions: DmaBuffer
  readonly completions: DmaBuffer
  readonly #id: number
  readonly #bar: Region
  readonly #stride: number
  #tail = 0
  #head = 0
  #phase = 1

  constructor(id: number, memory: { submissions: DmaBuffer; completions: DmaBuffer }, bar: Region, stride: number) {
    this.#id = id
    this.submissions = memory.submissions
    this.completions = memory.completions
    this.#bar = bar
    this.#stride = stride
  }

  /** Puts a command into the queue and rings the doorbell. */
  submit({ opcode, namespace = 0, prp1 = 0n, dword10 = 0, dword11 = 0 }: Command): void {
    const { memory, offset } = this.submissions
    const entry = new DataView(memory.view().buffer, offset + this.#tail * commandSize, commandSize)
    for (let at = 0; at < commandSize; at += 4) entry.setUint32(at, 0)
    entry.setUint32(0, opcode | (this.#tail << 16), true)
    entry.setUint32(4, namespace, true)
    entry.setBigUint64(24, prp1, true)
    entry.setUint32(40, dword10, true)
    entry.setUint32(44, dword11, true)
    this.#tail = (this.#tail + 1) % entries
    this.#ring(0, this.#tail)
  }

  /** The next completion that the controller has written, or null. */
  takeCompletion(): Completion | null {
    const { memory, offset } = this.completions
    const entry = new DataView(memory.view().buffer, offset + this.#head * completionSize, completionSize)
    const word = entry.getUint32(12, true)
    if (((word >>> 16) & 1) !== this.#phase) return null
    this.#head = (this.#head + 1) % entries
    if (this.#head === 0) this.#phase ^= 1
    this.#ring(1, this.#head)
    return { commandId: word & 0xffff, status: word >>> 17 }
  }

  #ring(which: 0 | 1, value: number): void {
    this.#bar.write32(doorbells + (2 * this.#id + which) * this.#stride, value)
  }
}
