import { deviceOrder } from '../../base/byte-order.ts'
import { configHeader } from '../../uapi/pci.ts'
import { restoreBytes, saveBytes } from '../base/saved.ts'

/** One byte short of the 256 that PCI has. */
const size = 0xff
const barOffsets: readonly number[] = [configHeader.bar0.offset, configHeader.bar1.offset]
const missingBars: readonly number[] = [configHeader.bar2.offset, configHeader.bar3.offset, configHeader.bar4.offset]
const portBytes = 8

/** Configuration space of mtty: WCH's ids, a 16550 serial controller, two I/O BARs and a text. */
export class MttyConfig {
  readonly size: number = size
  readonly #ports: 1 | 2
  readonly #bytes = new Uint8Array(size)
  readonly #view = new DataView(this.#bytes.buffer)

  constructor(ports: 1 | 2, saved: unknown) {
    this.#ports = ports
    this.#view.setUint32(configHeader.vendorId.offset, 0x3253_4348, deviceOrder)
    this.#view.setUint16(configHeader.command.offset, 0x0001, deviceOrder)
    this.#view.setUint16(configHeader.status.offset, 0x0200, deviceOrder)
    this.#view.setUint32(configHeader.revisionId.offset, 0x0700_0210, deviceOrder)
    for (const offset of barOffsets.slice(0, ports)) this.#view.setUint32(offset, 0x0000_0001, deviceOrder)
    this.#view.setUint32(configHeader.subsystemVendorId.offset, 0x3253_4348, deviceOrder)
    this.#bytes[configHeader.interruptPin.offset] = 1
    for (const [offset, value] of vendorBytes) this.#bytes[offset] = value
    this.#bytes.set(Buffer.from('PCI Serial/UART', 'latin1'), 0x60)
    restoreBytes(this.#bytes, saved)
  }

  save(): string {
    return saveBytes(this.#bytes)
  }

  /** Beyond its end the driver reads whatever memory follows: zeros here. */
  read(into: Uint8Array, offset: number): void {
    into.set(this.#bytes.subarray(offset, offset + into.length))
  }

  /** Only a write that begins at one of these registers does anything. */
  write(from: Uint8Array, offset: number): void {
    if (offset === configHeader.interruptLine.offset) this.#bytes[offset] = from[0] ?? 0
    else if (missingBars.includes(offset)) this.#view.setUint32(offset, 0, deviceOrder)
    else if (barOffsets.includes(offset)) this.#writeBar(from, offset)
  }

  /** Sizing answers with the mask of 8 bytes; the low two bits keep saying that it is an I/O BAR. */
  #writeBar(from: Uint8Array, offset: number): void {
    if (offset === configHeader.bar1.offset && this.#ports === 1) {
      this.#view.setUint32(offset, 0, deviceOrder)
      return
    }
    const value = new Uint8Array(4)
    value.set(from)
    const address = new DataView(value.buffer).getUint32(0, deviceOrder)
    const masked = address === 0xffff_ffff ? (address & -portBytes) >>> 0 : address
    this.#view.setUint32(offset, masked | (this.#view.getUint8(offset) & 0x3), deviceOrder)
  }
}

const vendorBytes: readonly (readonly [offset: number, value: number])[] = [
  [0x40, 0x23],
  [0x43, 0x80],
  [0x44, 0x23],
  [0x48, 0x23],
  [0x4c, 0x23],
]
