import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'

/** 256 bits of adapters or domains, of which number 0 is the leftmost. */
export type Mask = bigint

const bits = 256

/** True if a number's bit is set. */
export function hasBit(mask: Mask, number: number): boolean {
  return (mask & bit(number)) !== 0n
}

function bit(number: number): Mask {
  return 1n << BigInt(bits - 1 - number)
}

/** The mask with the bits of these numbers. */
export function maskOf(numbers: Iterable<number>): Mask {
  return [...numbers].reduce((mask, number) => mask | bit(number), 0n)
}

/** The numbers of the bits that are set. */
export function numbersOf(mask: Mask): number[] {
  return Array.from({ length: bits }, (_, number) => number).filter((number) => hasBit(mask, number))
}

/** '0x' and 64 hex digits. */
export function maskText(mask: Mask): string {
  return `0x${mask.toString(16).padStart(bits / 4, '0')}`
}

/** As `maskText` writes it, or its left part; EINVAL for anything else. */
export function parseMask(text: string): Mask {
  const digits = /^(?:0x)?([0-9a-f]{1,64})$/i.exec(text.trim())?.[1]
  if (digits === undefined) throw new Errno('EINVAL')
  return BigInt(`0x${digits.padEnd(bits / 4, '0')}`)
}

/** A write to `apmask` or `aqmask`: the whole mask, or what changes of it ('+5,-0x1f'). */
export function changedMask(mask: Mask, bytes: Buffer): Mask {
  const text = bytes.toString('latin1').trim()
  if (!/^[+-]/.test(text)) return parseMask(text)
  return text.split(',').reduce((changed, change) => {
    const number = Number(kstrtoull(Buffer.from(change.slice(1)), { base: 0, bits: 64, tooLarge: 'EINVAL' }))
    if (!/^[+-]/.test(change) || number >= bits) throw new Errno('EINVAL')
    return change.startsWith('+') ? changed | bit(number) : changed & ~bit(number)
  }, mask)
}
