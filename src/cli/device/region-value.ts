import { hex } from '../../base/units.ts'
import type { Region } from '../../vfio/region/region.ts'
import type { Width } from '../arguments/region.ts'

/** Reads one value of a region at its exact width. */
export function readValue(from: Region, at: number, bits: Width): bigint {
  if (bits === 8) return BigInt(from.read8(at))
  if (bits === 16) return BigInt(from.read16(at))
  if (bits === 32) return BigInt(from.read32(at))
  return from.read64(at)
}

/** Writes one value of a region at its exact width. */
export function writeValue(to: Region, at: number, bits: Width, value: bigint): void {
  if (bits === 8) to.write8(at, Number(value))
  else if (bits === 16) to.write16(at, Number(value))
  else if (bits === 32) to.write32(at, Number(value))
  else to.write64(at, value)
}

/** In JSON: a number, and a hex string if it has 64 bits. */
export function jsonValue(value: bigint, bits: Width): number | string {
  return bits === 64 ? hex(value) : Number(value)
}

/** Sixteen bytes a line: the offset, the bytes, and what of them is text. */
export function hexDump(bytes: Uint8Array, from: number): string {
  const digits = Math.max(8, (from + bytes.length).toString(16).length)
  let dump = ''
  for (let at = 0; at < bytes.length; at += 16) {
    const line = bytes.subarray(at, at + 16)
    const halves = [line.subarray(0, 8), line.subarray(8)].map((half) =>
      Array.from(half, (byte) => byte.toString(16).padStart(2, '0')).join(' '),
    )
    const offset = (from + at).toString(16).padStart(digits, '0')
    dump += `${offset}  ${halves.join('  ').padEnd(48)}  |${asText(line)}|\n`
  }
  return dump
}

function asText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
}
