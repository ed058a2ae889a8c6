import type { PciAddress } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { pciDevices } from './pci-bus.ts'
import { listOrNone, readOrNull } from './sysfs/readable.ts'

/** A BAR whose size the device lets the kernel choose (PCI Express's Resizable BAR), since Linux 6.1. */
export interface ResizableBar {
  /** 0 to 5. */
  readonly bar: number
  /** Bytes that it has now; null if the kernel does not say. */
  readonly size: number | null
  /** Bytes that it can have, as far as the device knows, the smallest first. */
  readonly sizes: readonly number[]
}

/** The resizable BARs of a device. Throws nothing: what makes no sense is left out. */
export function readResizableBars(files: HostFiles, address: PciAddress): ResizableBar[] {
  const folder = `${pciDevices}/${address}`
  return listOrNone(files, folder)
    .flatMap((name) => /^resource([0-5])_resize$/.exec(name)?.[1] ?? [])
    .sort()
    .flatMap((bar): ResizableBar[] => {
      const sizes = sizesOf(readOrNull(files, barResizePath(address, Number(bar))) ?? '')
      return sizes.length === 0 ? [] : [{ bar: Number(bar), size: readBarSize(files, address, Number(bar)), sizes }]
    })
}

/** The attribute that shows the sizes a BAR can have, and takes one of them. */
export function barResizePath(address: PciAddress, bar: number): string {
  return `${pciDevices}/${address}/resource${bar}_resize`
}

/** The number to write for a size: its power of two above 1 MiB. */
export function barSizeExponent(bytes: number): number {
  return Math.log2(bytes) - 20
}

/** Bit n stands for 2^n MiB; the capability has no more than 44 of them. */
function sizesOf(text: string): number[] {
  const digits = /^([0-9a-f]{1,16})\n?$/.exec(text)?.[1]
  if (digits === undefined) return []
  const bits = BigInt(`0x${digits}`)
  return Array.from({ length: 44 }, (_, bit) => bit)
    .filter((bit) => ((bits >> BigInt(bit)) & 1n) === 1n)
    .map((bit) => 2 ** (bit + 20))
}

/** By its line of `resource`: first address, last address, flags. */
function readBarSize(files: HostFiles, address: PciAddress, bar: number): number | null {
  const line = (readOrNull(files, `${pciDevices}/${address}/resource`) ?? '').split('\n')[bar] ?? ''
  const [, first, last] = /^0x([0-9a-f]{16}) 0x([0-9a-f]{16}) 0x[0-9a-f]{16}$/.exec(line) ?? []
  if (first === undefined || last === undefined) return null
  const size = BigInt(`0x${last}`) - BigInt(`0x${first}`) + 1n
  return size > 1n ? Number(size) : null
}
