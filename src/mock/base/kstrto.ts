import { Errno } from './errno.ts'

/** The numbers that a kernel attribute takes. */
export interface NumberFormat {
  /** 0: 0x for hex, 0 for octal, else decimal. */
  readonly base: 0 | 10 | 16
  readonly bits: 16 | 32 | 63 | 64
  /** Of a number that takes more bits; ERANGE if the driver hands on what it was told. */
  readonly tooLarge?: 'EINVAL'
}

/** Parses a number that is written to a driver (kstrtoull): one newline may follow. EINVAL for anything else. */
export function kstrtoull(bytes: Buffer, { base, bits, tooLarge }: NumberFormat): bigint {
  const [text = ''] = bytes.toString('latin1').split('\0', 1)
  const digits = /^\+?(\w+)\n?$/.exec(text)?.[1] ?? ''
  const value = parse(digits, base)
  if (value === null) throw new Errno('EINVAL')
  if (value >= 2n ** BigInt(bits)) throw new Errno(tooLarge ?? 'ERANGE')
  return value
}

function parse(digits: string, base: NumberFormat['base']): bigint | null {
  if (base !== 10 && /^0x[0-9a-f]+$/i.test(digits)) return BigInt(digits.toLowerCase())
  if (base === 16) return /^[0-9a-f]+$/i.test(digits) ? BigInt(`0x${digits}`) : null
  if (base === 0 && /^0[0-7]+$/.test(digits)) return BigInt(`0o${digits.slice(1)}`)
  return /^\d+$/.test(digits) && (base === 10 || !/^0\d/.test(digits)) ? BigInt(digits) : null
}

/** A yes or no (kstrtobool): the first letter tells, of 'on' and 'off' the second. EINVAL for anything else. */
export function kstrtobool(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  if (/^([yt1]|on)/i.test(text)) return true
  if (/^([nf0]|of)/i.test(text)) return false
  throw new Errno('EINVAL')
}
