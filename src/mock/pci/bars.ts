import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { MockState } from '../state/state.ts'
import { type PciDevice, pciDraft, pciRecord } from './devices.ts'

/** The content of `resource`: first address, last address and flags of each BAR, of the ROM, and of what it has not. */
export function resourceLines(device: PciDevice): string {
  const { bars = {}, rom = 0 } = device.function ?? {}
  const sizes = [...Array.from({ length: 6 }, (_, bar) => bars[String(bar)] ?? 0), rom, ...Array(6).fill(0)]
  return sizes.map((size: number, index) => `${line(BigInt(size), BigInt(index + 1))}\n`).join('')
}

/** Each begins at a multiple of its size. */
function line(size: bigint, index: bigint): string {
  const hex = (value: bigint) => `0x${value.toString(16).padStart(16, '0')}`
  if (size === 0n) return [0n, 0n, 0n].map(hex).join(' ')
  const first = ((0x40_0000_0000n * index + size - 1n) / size) * size
  return [first, first + size - 1n, memoryFlags].map(hex).join(' ')
}

const memoryFlags = 0x4_0200n

/** The content of `resourceN_resize`: bit n for 2^n MiB. */
export function resizeBits(sizes: readonly number[]): string {
  const bits = sizes.reduce((all, size) => all | (1n << BigInt(Math.log2(size) - 20)), 0n)
  return `${bits.toString(16).padStart(16, '0')}\n`
}

/**
 * A write to `resourceN_resize`: a power of two above 1 MiB. EBUSY while a driver has the device, or virtual functions
 * are there; EINVAL for a size that it cannot have; ENOSPC if the bridge above it has no room.
 */
export function resizeBar(draft: MockState, device: PciDevice, bar: string, bytes: Buffer): void {
  const exponent = kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' })
  const { driver, vfs } = pciRecord(draft, device)
  if (driver !== null || vfs.length > 0) throw new Errno('EBUSY')
  const { resizable = {}, window = Number.POSITIVE_INFINITY, bars = {} } = device.function ?? {}
  const size = exponent > 43n ? 0 : 2 ** (Number(exponent) + 20)
  if (resizable[bar]?.includes(size) !== true) throw new Errno('EINVAL')
  const others = Object.keys(resizable).filter((it) => it !== bar)
  const needed = others.reduce((all, it) => all + (bars[it] ?? 0), size)
  if (needed > window) throw new Errno('ENOSPC')
  const record = pciDraft(draft, device)
  record.barSizes = { ...record.barSizes, [bar]: size }
  record.model = null
}
