import { deviceOrder } from '../../base/byte-order.ts'
import type { PciFunctionModel } from '../sdk/pci-function.ts'

const testsOfBar = 3
/** Of a test's header: u8 test, u8 width, u16, u32 offset, u32 data, u32 count, then its name and a NUL. */
const header = { test: 0, width: 1, offset: 4, data: 8, count: 12, name: 16 } as const

/**
 * By how a test notices a write of one byte: the device counts it, or an eventfd takes any, or the one with its data.
 */
const kinds: readonly (readonly [name: string, data: number])[] = [
  ['no-eventfd', 0xfa],
  ['wildcard-eventfd', 0xce],
  ['datamatch-eventfd', 0xfa],
]
/** BAR0 is memory, BAR1 is ports: their names, and where the places that tests watch begin. */
const bars: readonly (readonly [name: string, places: number])[] = [
  ['mmio', 0x800],
  ['portio', 0x80],
]

/** QEMU's device to test ioeventfd with (hw/misc/pci-testdev.c): it counts the writes to a place that it names. */
export class PciTestdev implements PciFunctionModel {
  /** The test that is on, as its header stands in both BARs. */
  #header: DataView | null = null
  #test = 0

  /** Of any width: one access of a byte after the other. The last byte of a name is not to be had. */
  load(_bar: number, offset: number, into: Uint8Array): void {
    for (const at of into.keys()) {
      const within = offset + at
      into[at] = this.#header !== null && within + 1 < this.#header.byteLength ? this.#header.getUint8(within) : 0
    }
  }

  store(bar: number, offset: number, from: Uint8Array): void {
    for (const [at, byte] of from.entries()) {
      if (offset + at === header.test) this.#choose(bar, byte)
      else if (this.#counts(offset + at, byte, from.length)) this.#count()
    }
  }

  /** A test that is on stays on. */
  reset(): void {}

  close(): void {
    this.#header = null
  }

  save(): unknown {
    return null
  }

  #choose(bar: number, test: number): void {
    this.#header = null
    const [kind, data] = kinds[test] ?? []
    const [way, places] = bars[bar] ?? []
    if (kind === undefined || data === undefined || way === undefined || places === undefined) return
    const name = Buffer.from(`${way}-${kind}\0`, 'latin1')
    const bytes = new Uint8Array(header.name + name.length)
    bytes.set(name, header.name)
    const number = bar * testsOfBar + test
    bytes.set([number, 1], header.test)
    this.#header = new DataView(bytes.buffer)
    this.#header.setUint32(header.offset, places + number, deviceOrder)
    this.#header.setUint32(header.data, data, deviceOrder)
    this.#test = test
  }

  /** True if a byte is counted: not if an eventfd takes it. A wider write misses the eventfd and comes byte by byte. */
  #counts(offset: number, byte: number, width: number): boolean {
    if (this.#header === null || offset !== this.#header.getUint32(header.offset, deviceOrder)) return false
    return (
      this.#test === 0 || (width > 1 && (this.#test === 1 || byte === this.#header.getUint32(header.data, deviceOrder)))
    )
  }

  #count(): void {
    const count = this.#header?.getUint32(header.count, deviceOrder) ?? 0
    this.#header?.setUint32(header.count, count + 1, deviceOrder)
  }
}
