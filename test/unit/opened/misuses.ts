import { thrower } from './hostile-values.ts'
import type { Taken } from './taken.ts'

export interface Misuse {
  readonly given: readonly unknown[]
  /** Each value is of the type that is declared. */
  readonly fits: boolean
}

/** Right arguments but for one, or for one of what stands in it. */
export function* misusesOf(taken: readonly Taken[], values: readonly unknown[]): Generator<Misuse> {
  const good = taken.map((one) => one.good)
  for (const [at, one] of taken.entries()) {
    for (const value of values) yield { given: good.with(at, value), fits: one.fits(value) }
    for (const [key, part] of Object.entries(one.parts)) {
      for (const value of values) {
        yield { given: good.with(at, replaced(goodOf(one), key, { value })), fits: part.fits(value) }
      }
      yield { given: good.with(at, replaced(goodOf(one), key, { get: thrower })), fits: false }
    }
  }
}

function goodOf(taken: Taken): object {
  const parts = Object.entries(taken.parts).map(([key, part]) => [key, part.good] as const)
  return parts.every(([key]) => /^\d+$/.test(key)) ? parts.map(([, good]) => good) : Object.fromEntries(parts)
}

function replaced(whole: object, key: string, how: PropertyDescriptor): object {
  const copy: object = Array.isArray(whole) ? [...whole] : { ...whole }
  return Object.defineProperty(copy, key, { ...how, enumerable: true, configurable: true })
}
