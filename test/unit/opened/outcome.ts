import { setImmediate } from 'node:timers/promises'
import { VfioError } from '../../../src/base/errors.ts'
import { aborted, thrown } from './hostile-values.ts'
import type { Misuse } from './misuses.ts'

export type Outcome = { readonly value: unknown } | { readonly error: unknown } | 'waits'

/** Outcome of the call; 'waits' if it is for another to bring about what it waits for. */
export async function outcomeOf(work: () => unknown): Promise<Outcome> {
  try {
    const later = Promise.resolve(work()).then(begun)
    const settled = later.then(
      (value): Outcome => ({ value }),
      (error: unknown): Outcome => ({ error }),
    )
    return await Promise.race([settled, turns(20).then((): Outcome => 'waits')])
  } catch (error) {
    return { error }
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

/** A generator does nothing before it is asked. */
async function begun(value: unknown): Promise<unknown> {
  if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return value
  if (!('throw' in value && 'next' in value && 'return' in value)) return value
  if (typeof value.next !== 'function' || typeof value.return !== 'function') return value
  await Reflect.apply(value.next, value, [])
  await Reflect.apply(value.return, value, [])
  return value
}

/** Closes what a call has opened, which is not looked at here. */
export function closed(outcome: Outcome): Outcome {
  if (outcome === 'waits' || !('value' in outcome)) return outcome
  const { value } = outcome
  if (typeof value === 'object' && value !== null && 'close' in value && typeof value.close === 'function')
    value.close()
  return outcome
}

/** The codes of a refusal that was meant. */
const refusals = ['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'NOT_FOUND', 'NOT_SUPPORTED', 'CLOSED', 'NOT_ATTACHED']

/** The fault of the outcome; null if it is right. */
export function faultOf(outcome: Outcome, { given, fits }: Misuse): string | null {
  const shown = given.map(shownOf).join(', ')
  if (outcome === 'waits' || 'value' in outcome) return fits ? null : `took (${shown})`
  const { error } = outcome
  if (error === aborted.reason) return null
  if (error instanceof VfioError && error.cause === thrown) return null
  if (!(error instanceof VfioError)) return `threw ${shownOf(error)} for (${shown})`
  if (fits || refusals.includes(error.code)) return null
  return `threw ${error.code} '${error.message}' for (${shown})`
}

function shownOf(value: unknown): string {
  try {
    if (value instanceof Error) return `${value.name} '${value.message}'`
    if (typeof value === 'object' && value !== null) {
      const kind = value.constructor?.name
      return kind === 'Object' || kind === 'Array'
        ? `${kind} of ${Object.entries(value).map(([key, one]) => `${key} ${shownOf(one)}`)}`
        : `a ${kind}`
    }
    return typeof value === 'bigint' ? `${value}n` : typeof value === 'string' ? JSON.stringify(value) : String(value)
  } catch {
    return 'what throws'
  }
}
