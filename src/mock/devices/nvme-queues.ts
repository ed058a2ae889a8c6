import { deviceOrder } from '../../base/byte-order.ts'
import type { PciBus } from '../sdk/pci-function.ts'

/** Address of a queue in memory, as the device addresses it, and its number of entries. */
export interface QueueMemory {
  readonly address: bigint
  readonly entries: number
}

const commandSize = 64
const completionSize = 16

/** Commands that wait in memory: the driver moves the tail, the controller the head. */
export class SubmissionQueue {
  readonly id: number
  readonly completions: CompletionQueue
  readonly #bus: PciBus
  readonly #memory: QueueMemory
  #head = 0
  #tail = 0

  constructor(id: number, memory: QueueMemory, completions: CompletionQueue, bus: PciBus) {
    this.id = id
    this.completions = completions
    this.#memory = memory
    this.#bus = bus
  }

  get head(): number {
    return this.#head
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail
  }

  /** False for a tail that the queue does not reach. */
  setTail(tail: number): boolean {
    if (tail >= this.#memory.entries) return false
    this.#tail = tail
    return true
  }

  /** The next command, or null if memory does not answer. */
  take(): DataView | null {
    const bytes = new Uint8Array(commandSize)
    if (!this.#bus.readMemory(this.#memory.address + BigInt(this.#head * commandSize), bytes)) return null
    this.#head = (this.#head + 1) % this.#memory.entries
    return new DataView(bytes.buffer)
  }
}

/** Completions on their way to the driver: the controller moves the tail, the driver the head. */
export class CompletionQueue {
  readonly id: number
  /** Null if the driver wants no interrupts. */
  readonly vector: number | null
  readonly #bus: PciBus
  readonly #memory: QueueMemory
  /** QEMU asks for a vector when the queue is made: one that is off then stays silent. */
  readonly #hasMessages: boolean
  #head = 0
  #tail = 0
  #phase = 1

  constructor(id: number, memory: QueueMemory, vector: number | null, bus: PciBus) {
    this.id = id
    this.vector = vector
    this.#memory = memory
    this.#bus = bus
    this.#hasMessages = bus.hasMessages
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail
  }

  get isFull(): boolean {
    return (this.#tail + 1) % this.#memory.entries === this.#head
  }

  /** False for a head that the queue does not reach. */
  setHead(head: number): boolean {
    if (head >= this.#memory.entries) return false
    this.#head = head
    return true
  }

  /** False if memory does not answer. */
  post({ head, id }: SubmissionQueue, commandId: number, status: number): boolean {
    const entry = new DataView(new ArrayBuffer(completionSize))
    entry.setUint16(8, head, deviceOrder)
    entry.setUint16(10, id, deviceOrder)
    entry.setUint16(12, commandId, deviceOrder)
    entry.setUint16(14, (status << 1) | this.#phase, deviceOrder)
    const place = this.#memory.address + BigInt(this.#tail * completionSize)
    if (!this.#bus.writeMemory(place, new Uint8Array(entry.buffer))) return false
    this.#tail = (this.#tail + 1) % this.#memory.entries
    if (this.#tail === 0) this.#phase ^= 1
    return true
  }

  sendMessage(): void {
    if (this.vector !== null && this.#hasMessages) this.#bus.sendMessage(this.vector)
  }
}
