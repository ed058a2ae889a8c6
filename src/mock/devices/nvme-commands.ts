import { deviceOrder } from '../../base/byte-order.ts'
import type { ScenarioPciDevice } from '../scenario/scenario.ts'
import type { PciBus } from '../sdk/pci-function.ts'
import { activeNamespaces, identifyController, namespaces } from './nvme-identify.ts'
import { CompletionQueue, type QueueMemory, SubmissionQueue } from './nvme-queues.ts'

/** Admin commands by opcode (NVM Express base specification, 5). */
const opcode = {
  deleteSubmissionQueue: 0x00,
  createSubmissionQueue: 0x01,
  deleteCompletionQueue: 0x04,
  createCompletionQueue: 0x05,
  identify: 0x06,
} as const

const doNotRetry = 0x4000
/** Status type and code, as they stand in a completion. */
const status = {
  success: 0,
  invalidOpcode: 0x001 | doNotRetry,
  invalidField: 0x002 | doNotRetry,
  transferError: 0x004,
  invalidNamespace: 0x00b | doNotRetry,
  invalidPrpOffset: 0x013 | doNotRetry,
  invalidCompletionQueue: 0x100 | doNotRetry,
  invalidQueue: 0x101 | doNotRetry,
  invalidQueueSize: 0x102 | doNotRetry,
  invalidInterruptVector: 0x108 | doNotRetry,
  invalidQueueDeletion: 0x10c,
} as const

const identifySize = 4096
const maxEntries = 2048
/** I/O queues of each kind, as of a controller that keeps most for its virtual functions. */
const ioQueues = 2
const vectors = 4

/** The queues of a controller, and what it does with a command. */
export class NvmeCommands {
  readonly #device: ScenarioPciDevice
  readonly #bus: PciBus
  readonly #submissions = new Map<number, SubmissionQueue>()
  readonly #completions = new Map<number, CompletionQueue>()
  #pageSize = 4096
  #mask = 0

  constructor(device: ScenarioPciDevice, bus: PciBus) {
    this.#device = device
    this.#bus = bus
  }

  /** Makes the admin queues. */
  start(submission: QueueMemory, completion: QueueMemory, pageSize: number): void {
    this.#pageSize = pageSize
    const completions = new CompletionQueue(0, completion, 0, this.#bus)
    this.#completions.set(0, completions)
    this.#submissions.set(0, new SubmissionQueue(0, submission, completions, this.#bus))
  }

  reset(): void {
    this.#submissions.clear()
    this.#completions.clear()
    this.#setIntx()
  }

  /** The vectors whose completions keep INTx up no more. */
  setMask(mask: number): void {
    this.#mask = mask
    this.#setIntx()
  }

  /** The doorbells: false if there is no such queue, or not so long a one. */
  setTail(queue: number, tail: number): boolean {
    return this.#submissions.get(queue)?.setTail(tail) ?? false
  }

  setHead(queue: number, head: number): boolean {
    const isRung = this.#completions.get(queue)?.setHead(head) ?? false
    this.#setIntx()
    return isRung
  }

  /** All that waits, as far as there is room for its completions. False if memory does not answer. */
  process(): boolean {
    for (const queue of [...this.#submissions.values()]) {
      let hasPosted = false
      while (!queue.isEmpty && !queue.completions.isFull && this.#submissions.has(queue.id)) {
        const command = queue.take()
        if (command === null) return false
        const answer = queue.id === 0 ? this.#execute(command) : ioStatus(command)
        if (!queue.completions.post(queue, command.getUint16(2, deviceOrder), answer)) return false
        hasPosted = true
      }
      if (hasPosted) queue.completions.sendMessage()
    }
    this.#setIntx()
    return true
  }

  #execute(command: DataView): number {
    switch (command.getUint8(0)) {
      case opcode.identify:
        return this.#identify(command)
      case opcode.createCompletionQueue:
        return this.#createCompletionQueue(command)
      case opcode.createSubmissionQueue:
        return this.#createSubmissionQueue(command)
      case opcode.deleteCompletionQueue:
        return this.#deleteCompletionQueue(command.getUint16(40, deviceOrder))
      case opcode.deleteSubmissionQueue: {
        const id = command.getUint16(40, deviceOrder)
        return id !== 0 && this.#submissions.delete(id) ? status.success : status.invalidQueue
      }
      default:
        return status.invalidOpcode
    }
  }

  /** By the structure asked for: a namespace, none of which is there, the controller, the active namespaces. */
  #identify(command: DataView): number {
    const namespace = command.getUint32(4, deviceOrder)
    switch (command.getUint8(40)) {
      case 0x00:
        if (namespace === 0 || namespace > namespaces) return status.invalidNamespace
        return this.#send(command, new Uint8Array(identifySize))
      case 0x01:
        return this.#send(command, identifyController(this.#device))
      case 0x02:
        if (namespace >= 0xffff_fffe) return status.invalidNamespace
        return this.#send(command, activeNamespaces())
      default:
        return status.invalidField
    }
  }

  #createCompletionQueue(command: DataView): number {
    const { id, memory, flags } = queueOf(command)
    const vector = command.getUint16(46, deviceOrder)
    if (!isIoQueue(id) || this.#completions.has(id)) return status.invalidQueue
    if (memory.entries < 2 || memory.entries > maxEntries) return status.invalidQueueSize
    if (memory.address % BigInt(this.#pageSize) !== 0n) return status.invalidPrpOffset
    if (vector >= vectors || (vector > 0 && !this.#bus.hasMessages)) return status.invalidInterruptVector
    if ((flags & 1) === 0) return status.invalidField
    this.#completions.set(id, new CompletionQueue(id, memory, (flags & 2) === 0 ? null : vector, this.#bus))
    return status.success
  }

  #createSubmissionQueue(command: DataView): number {
    const { id, memory, flags } = queueOf(command)
    const completions = this.#completions.get(command.getUint16(46, deviceOrder))
    if (completions === undefined || completions.id === 0) return status.invalidCompletionQueue
    if (!isIoQueue(id) || this.#submissions.has(id)) return status.invalidQueue
    if (memory.entries < 2 || memory.entries > maxEntries) return status.invalidQueueSize
    if (memory.address % BigInt(this.#pageSize) !== 0n) return status.invalidPrpOffset
    if ((flags & 1) === 0) return status.invalidField
    this.#submissions.set(id, new SubmissionQueue(id, memory, completions, this.#bus))
    return status.success
  }

  #deleteCompletionQueue(id: number): number {
    const completions = this.#completions.get(id)
    if (id === 0 || completions === undefined) return status.invalidQueue
    if ([...this.#submissions.values()].some((queue) => queue.completions === completions)) {
      return status.invalidQueueDeletion
    }
    this.#completions.delete(id)
    this.#setIntx()
    return status.success
  }

  /** To one or two pages: what does not fit up to the end of the first goes to the second. */
  #send(command: DataView, bytes: Uint8Array): number {
    const first = command.getBigUint64(24, deviceOrder)
    const second = command.getBigUint64(32, deviceOrder)
    const room = this.#pageSize - Number(first % BigInt(this.#pageSize))
    if (room < bytes.length && second % BigInt(this.#pageSize) !== 0n) return status.invalidPrpOffset
    const isSent =
      this.#bus.writeMemory(first, bytes.subarray(0, room)) &&
      (room >= bytes.length || this.#bus.writeMemory(second, bytes.subarray(room)))
    return isSent ? status.success : status.transferError
  }

  #setIntx(): void {
    if (this.#bus.hasMessages) return
    const isPending = ({ isEmpty, vector }: CompletionQueue) =>
      !isEmpty && vector !== null && (this.#mask & (1 << vector)) === 0
    this.#bus.setIntx([...this.#completions.values()].some(isPending))
  }
}

/** Of a command of the I/O queues: there is no namespace to read or to write. */
function ioStatus(command: DataView): number {
  const namespace = command.getUint32(4, deviceOrder)
  return namespace === 0 || namespace > namespaces ? status.invalidNamespace : status.invalidField
}

function isIoQueue(id: number): boolean {
  return id >= 1 && id <= ioQueues
}

function queueOf(command: DataView): { id: number; memory: QueueMemory; flags: number } {
  const memory = { address: command.getBigUint64(24, deviceOrder), entries: command.getUint16(42, deviceOrder) + 1 }
  return { id: command.getUint16(40, deviceOrder), memory, flags: command.getUint16(44, deviceOrder) }
}
