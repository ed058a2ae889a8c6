import { systemError } from '../../../../src/base/system-error.ts'
import type { Mapping } from '../../../../src/kernel/kernel.ts'

/** Memory that writes down each access in `calls`, as 'load 4@0x10' from the beginning of the file it maps. */
export class LoggedMapping implements Mapping {
  readonly fd = null
  readonly length: number
  readonly bytes: DataView
  readonly #calls: string[]
  readonly #at: number
  /** Set: every access faults. */
  isGone = false

  constructor(calls: string[], at: number, length: number) {
    this.#calls = calls
    this.#at = at
    this.length = length
    this.bytes = new DataView(new ArrayBuffer(length))
  }

  read8(offset: number): number {
    return this.#load(offset, 1).getUint8(offset)
  }
  read16(offset: number): number {
    return this.#load(offset, 2).getUint16(offset, true)
  }
  read32(offset: number): number {
    return this.#load(offset, 4).getUint32(offset, true)
  }
  read64(offset: number): bigint {
    return this.#load(offset, 8).getBigUint64(offset, true)
  }
  write8(offset: number, value: number): void {
    this.#store(offset, 1).setUint8(offset, value)
  }
  write16(offset: number, value: number): void {
    this.#store(offset, 2).setUint16(offset, value, true)
  }
  write32(offset: number, value: number): void {
    this.#store(offset, 4).setUint32(offset, value, true)
  }
  write64(offset: number, value: bigint): void {
    this.#store(offset, 8).setBigUint64(offset, value, true)
  }
  readInto(offset: number, bytes: Uint8Array): void {
    bytes.set(new Uint8Array(this.#load(offset, bytes.length).buffer, offset, bytes.length))
  }
  writeFrom(offset: number, bytes: Uint8Array): void {
    new Uint8Array(this.#store(offset, bytes.length).buffer, offset, bytes.length).set(bytes)
  }
  view(): Uint8Array {
    return new Uint8Array(this.bytes.buffer)
  }
  close(): void {
    this.#calls.push(`munmap 0x${this.length.toString(16)}@0x${this.#at.toString(16)}`)
  }

  #load(offset: number, width: number): DataView {
    return this.#access('load', offset, width)
  }

  #store(offset: number, width: number): DataView {
    return this.#access('store', offset, width)
  }

  #access(way: 'load' | 'store', offset: number, width: number): DataView {
    this.#calls.push(`${way} ${width}@0x${(this.#at + offset).toString(16)}`)
    if (this.isGone) throw systemError('EFAULT', way)
    return this.bytes
  }
}
