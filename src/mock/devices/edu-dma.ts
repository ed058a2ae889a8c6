import { deviceOrder } from '../../base/byte-order.ts'
import { restoreBytes, saveBytes, savedField } from '../base/saved.ts'
import type { PciBus } from '../sdk/pci-function.ts'
import { PendingWork } from './pending-work.ts'

const register = { source: 0x80, destination: 0x88, count: 0x90, command: 0x98 } as const
const run = 1n
const toMemory = 2n
const raiseWhenDone = 4n
/** The device reaches 28 bits of an address, and loses the others. */
const addressMask = (1n << 28n) - 1n
/** Start of the device's own buffer among its addresses. */
const bufferStart = 0x40000n
const bufferSize = 0x1000

/** The DMA engine of edu: copies between its buffer and memory, some time after it was told. */
export class EduDma {
  readonly #bus: PciBus
  readonly #onDone: () => void
  readonly #transfer: PendingWork
  readonly #buffer = new Uint8Array(bufferSize)
  readonly #registers = new Map<number, bigint>()

  constructor(bus: PciBus, saved: unknown, onDone: () => void) {
    this.#bus = bus
    this.#transfer = new PendingWork(bus.clock)
    this.#onDone = onDone
    restoreBytes(this.#buffer, savedField(saved, 'buffer'))
    for (const offset of Object.values(register)) {
      const value = savedField(saved, String(offset))
      if (typeof value === 'string' && /^0x[0-9a-f]{1,16}$/.test(value)) this.#registers.set(offset, BigInt(value))
    }
    this.#set(register.command, this.#get(register.command) & ~run)
  }

  /** 4 or 8 bytes; of no register, ones are left. */
  load(offset: number, into: Uint8Array): void {
    if (!isRegister(offset)) return
    const value = new Uint8Array(8)
    new DataView(value.buffer).setBigUint64(0, this.#get(offset), deviceOrder)
    into.set(value.subarray(0, into.length))
  }

  /** A value of 4 bytes replaces the whole register. While it copies, nothing can be written. */
  store(offset: number, from: Uint8Array): void {
    if (!isRegister(offset) || this.#isRunning) return
    const bytes = new Uint8Array(8)
    bytes.set(from)
    const value = new DataView(bytes.buffer).getBigUint64(0, deviceOrder)
    if (offset === register.command && (value & run) === 0n) return
    this.#set(offset, value)
    if (offset === register.command) this.#transfer.start(() => this.#copy())
  }

  passTime(): void {
    this.#transfer.passTime()
  }

  /** A copy that is under way finds bus mastering off. */
  close(): void {
    this.#transfer.drop()
    this.#set(register.command, this.#get(register.command) & ~run)
  }

  save(): unknown {
    const registers = [...this.#registers].map(([offset, value]) => [String(offset), `0x${value.toString(16)}`])
    return { ...Object.fromEntries(registers), buffer: saveBytes(this.#buffer) }
  }

  get #isRunning(): boolean {
    return (this.#get(register.command) & run) !== 0n
  }

  #copy(): void {
    const command = this.#get(register.command)
    const isToMemory = (command & toMemory) !== 0n
    const source = this.#get(register.source)
    const destination = this.#get(register.destination)
    const within = this.#within(isToMemory ? source : destination)
    if (within !== null) {
      if (isToMemory) this.#bus.writeMemory(destination & addressMask, within)
      else this.#bus.readMemory(source & addressMask, within)
    }
    this.#set(register.command, command & ~run)
    if ((command & raiseWhenDone) !== 0n) this.#onDone()
  }

  /** The part of the buffer that is meant; null if it reaches out of it, of which QEMU makes various things. */
  #within(address: bigint): Uint8Array | null {
    const count = this.#get(register.count)
    const start = address - bufferStart
    if (start < 0n || count > BigInt(bufferSize) || start + count > BigInt(bufferSize)) return null
    return this.#buffer.subarray(Number(start), Number(start + count))
  }

  #get(offset: number): bigint {
    return this.#registers.get(offset) ?? 0n
  }

  #set(offset: number, value: bigint): void {
    this.#registers.set(offset, value)
  }
}

const offsets: readonly number[] = Object.values(register)

function isRegister(offset: number): boolean {
  return offsets.includes(offset)
}
