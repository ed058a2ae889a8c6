import { isUint8Array } from 'node:util/types'

/** The values that a parameter takes: one that is right, and a test of any other. */
export interface Taken {
  readonly good: unknown
  /** True if the value is of the type that is declared; of those that are, a method may still refuse some. */
  fits(value: unknown): boolean
  /** Of an object or a list: what stands in it. */
  readonly parts: Readonly<Record<string, Taken>>
}

function taken(good: unknown, fits: (value: unknown) => boolean, parts: Taken['parts'] = {}): Taken {
  return { good, fits: (value) => fitsUntold(fits, value), parts }
}

/** False for a value that throws when it is looked at: it is of no type. */
function fitsUntold(fits: (value: unknown) => boolean, value: unknown): boolean {
  try {
    return fits(value)
  } catch {
    return false
  }
}

function or(taken: Taken, other?: Taken): Taken {
  if (other === undefined) return taken
  return { ...taken, fits: (value) => taken.fits(value) || other.fits(value), parts: other.parts }
}

/** A whole number from 0, which no number of the language's stands for that is none. */
export function count(good: number, other?: Taken): Taken {
  return or(
    taken(good, (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0),
    other,
  )
}

/** Milliseconds that a timer can wait. */
export function timeout(good: number): Taken {
  return taken(good, (value) => count(0).fits(value) && typeof value === 'number' && value < 2 ** 31)
}

export function bigint(good: bigint, other?: Taken): Taken {
  return or(
    taken(good, (value) => typeof value === 'bigint' && value >= 0n && value < 1n << 64n),
    other,
  )
}

export function flag(good: boolean): Taken {
  return taken(good, (value) => typeof value === 'boolean')
}

export function text(good: string): Taken {
  return taken(good, (value) => typeof value === 'string')
}

/** One of some words. */
export function name(good: string): Taken {
  return taken(good, (value) => value === good)
}

export function bytes(length: number): Taken {
  return taken(new Uint8Array(length), (value) => isUint8Array(value) && new Uint8Array(value.buffer) !== null)
}

export function signal(): Taken {
  return taken(
    new AbortController().signal,
    (value) => value instanceof AbortSignal && typeof value.aborted === 'boolean',
  )
}

export function record(parts: Readonly<Record<string, Taken>>): Taken {
  const good = Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, part.good]))
  return taken(good, (value) => typeof value === 'object' && value !== null, parts)
}

export function list(of: Taken): Taken {
  return taken([of.good], (value) => Array.isArray(value), { '0': of })
}

/** Anything that can be iterated, but bytes, which are a list of numbers. */
export function streamOf(of: Taken): Taken {
  const fits = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && Symbol.iterator in value && !isUint8Array(value)
  return taken([of.good], fits, { '0': of })
}

export function optional(one: Taken): Taken {
  return { ...one, fits: (value) => value === undefined || one.fits(value) }
}

/** Any value: nothing is done with it that could go wrong. */
export function anything(): Taken {
  return taken(null, () => true)
}

/** Nothing but this object. */
export function only(good: unknown): Taken {
  return taken(good, (value) => value === good)
}

export function empty(): Taken {
  return only(null)
}
