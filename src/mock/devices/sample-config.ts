import { deviceOrder } from '../../base/byte-order.ts'
import { configHeader } from '../../uapi/pci.ts'
import { restoreBytes, saveBytes } from '../base/saved.ts'

/** One byte short of the 256 that PCI has. */
const size = 0xff
const memoryAddress = 0xffff_fff0

/** Configuration space of the kernel's sample displays: of all that is written to it, only the BARs take anything. */
export class SampleConfig {
  readonly size: number = size
  readonly #bytes = new Uint8Array(size)
  readonly #view = new DataView(this.#bytes.buffer)
  /** Bytes of each BAR, by its offset. */
  readonly #bars: ReadonlyMap<number, number>

  constructor(ids: { vendor: number; device: number }, bars: ReadonlyMap<number, number>) {
    this.#bars = bars
    this.set16(configHeader.vendorId.offset, ids.vendor)
    this.set16(configHeader.deviceId.offset, ids.device)
    this.set16(configHeader.subsystemVendorId.offset, 0x1af4)
    this.set16(configHeader.subsystemId.offset, 0x1100)
    this.set16(configHeader.command.offset, 0x0003)
    // revision 1, a display of another kind than VGA
    this.set32(configHeader.revisionId.offset, 0x0380_0001)
  }

  restore(saved: unknown): void {
    restoreBytes(this.#bytes, saved)
  }

  save(): string {
    return saveBytes(this.#bytes)
  }

  set16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, deviceOrder)
  }

  set32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, deviceOrder)
  }

  /** Beyond its end the driver reads whatever memory follows: zeros here. */
  read(into: Uint8Array, offset: number): void {
    into.fill(0)
    into.set(this.#bytes.subarray(offset, offset + into.length))
  }

  /** Of a BAR, always as 4 bytes; the rest of a narrower write is whatever is on the driver's stack: zeros here. */
  write(from: Uint8Array, offset: number): void {
    const barSize = this.#bars.get(offset)
    if (barSize === undefined) return
    const word = new Uint8Array(4)
    word.set(from)
    const value = new DataView(word.buffer).getUint32(0, deviceOrder)
    const address = value === 0xffff_ffff ? -barSize : value & memoryAddress
    this.#view.setUint32(offset, (address | (this.#view.getUint8(offset) & ~memoryAddress)) >>> 0, deviceOrder)
  }
}
