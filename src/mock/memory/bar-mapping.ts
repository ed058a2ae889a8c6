import { deviceOrder } from '../../base/byte-order.ts'
import { systemError } from '../../base/system-error.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import { singleAccesses } from './single-accesses.ts'

/** Access of a mapping to what is behind it; false if nothing answers at the moment. */
export interface MappedDevice {
  /** One load of `into.length` bytes; false if nothing answers. */
  load(offset: number, into: Uint8Array): boolean
  /** One store of `from.length` bytes; false if nothing answers. */
  store(offset: number, from: Uint8Array): boolean
}

/** A mapped BAR: each access is one load or store of the device. What lies in its last page beyond the BAR is zero. */
export class BarMapping implements Mapping {
  readonly fd = null
  readonly device: MappedDevice
  readonly #words = { 1: new Uint8Array(1), 2: new Uint8Array(2), 4: new Uint8Array(4), 8: new Uint8Array(8) }
  readonly #access: 'r' | 'w' | 'rw'
  readonly #length: number
  #isClosed = false

  constructor(device: MappedDevice, length: number, access: 'r' | 'w' | 'rw') {
    this.device = device
    this.#length = length
    this.#access = access
  }

  get length(): number {
    return this.#length
  }

  read8(offset: number): number {
    return this.#load(offset, 1).getUint8(0)
  }
  read16(offset: number): number {
    return this.#load(offset, 2).getUint16(0, deviceOrder)
  }
  read32(offset: number): number {
    return this.#load(offset, 4).getUint32(0, deviceOrder)
  }
  read64(offset: number): bigint {
    return this.#load(offset, 8).getBigUint64(0, deviceOrder)
  }
  write8(offset: number, value: number): void {
    this.#store(offset, 1, (word) => word.setUint8(0, value))
  }
  write16(offset: number, value: number): void {
    this.#store(offset, 2, (word) => word.setUint16(0, value, deviceOrder))
  }
  write32(offset: number, value: number): void {
    this.#store(offset, 4, (word) => word.setUint32(0, value, deviceOrder))
  }
  write64(offset: number, value: bigint): void {
    this.#store(offset, 8, (word) => word.setBigUint64(0, value, deviceOrder))
  }

  readInto(offset: number, bytes: Uint8Array): void {
    for (const { at, width } of singleAccesses(offset, bytes.length)) {
      const word = this.#load(offset + at, width)
      bytes.set(new Uint8Array(word.buffer), at)
    }
  }
  writeFrom(offset: number, bytes: Uint8Array): void {
    for (const { at, width } of singleAccesses(offset, bytes.length)) {
      const part = bytes.subarray(at, at + width)
      this.#store(offset + at, width, (word) => new Uint8Array(word.buffer).set(part))
    }
  }

  /** Device memory of the mock is no bytes of JavaScript's: its accessors alone reach it. */
  view(): never {
    throw systemError('EOPNOTSUPP', 'mmap')
  }

  close(): void {
    this.#isClosed = true
  }

  #load(offset: number, width: 1 | 2 | 4 | 8): DataView {
    this.#check('r', offset, width)
    const word = this.#words[width]
    if (!this.device.load(offset, word)) throw systemError('EFAULT', 'load')
    return new DataView(word.buffer)
  }

  #store(offset: number, width: 1 | 2 | 4 | 8, set: (word: DataView) => void): void {
    this.#check('w', offset, width)
    const word = this.#words[width]
    set(new DataView(word.buffer))
    if (!this.device.store(offset, word)) throw systemError('EFAULT', 'store')
  }

  #check(access: 'r' | 'w', offset: number, width: number): void {
    if (this.#isClosed) throw invalidState('the mapping is closed')
    if (!this.#access.includes(access)) {
      throw invalidState(`the mapping is ${access === 'r' ? 'write-only' : 'read-only'}`)
    }
    if (Number.isSafeInteger(offset) && offset >= 0 && offset % width === 0 && offset + width <= this.#length) return
    throw new RangeError(`${width}-byte access at ${offset} of a mapping of ${this.#length} bytes`)
  }
}

function invalidState(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_STATE' })
}
