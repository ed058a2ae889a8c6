import { isUint8Array } from 'node:util/types'
import * as v from 'valibot'
import { type Fact, VfioError } from './errors.ts'
import { schemaFault } from './schema-fault.ts'
import { shown } from './units.ts'

/** Arguments checked as their types say: JavaScript, or a file, may hand over anything. */

/** A schema of every field of `T`, and of no other. */
export type Fields<T> = { readonly [Name in keyof Required<T>]: v.GenericSchema<unknown, unknown> }

/** A whole number from 0. */
export const count: v.GenericSchema<unknown, number> = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
/** A file descriptor's number, whether or not there is such a file. */
export const descriptor: v.GenericSchema<unknown, number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(2 ** 31 - 1),
)
/** An address of 64 bits. */
export const address: v.GenericSchema<unknown, bigint> = v.pipe(
  v.bigint(),
  v.minValue(0n),
  v.maxValue(0xffff_ffff_ffff_ffffn),
)
/** The longest time that a timer can wait. */
export const milliseconds: v.GenericSchema<unknown, number> = v.pipe(v.number(), v.minValue(0), v.maxValue(2 ** 31 - 1))
/** Names and what they stand for, read once; any name, which a record of valibot's would not take. */
export const entries: v.GenericSchema<unknown, readonly (readonly [string, unknown])[]> = v.pipe(
  v.custom<object>((value) => typeof value === 'object' && value !== null, 'must be an object'),
  v.transform((value) => Object.entries(value)),
)
/** One of this realm, and no object that only descends from one. */
export const signal: v.GenericSchema<unknown, AbortSignal> = v.custom<AbortSignal>(
  (value) => value instanceof AbortSignal && typeof value.aborted === 'boolean',
  'must be an AbortSignal',
)

/** The argument of `call`, as its schema says: an object is a copy, each field of it read once. INVALID_ARGUMENT. */
export function checked<T>(
  call: string,
  schema: v.GenericSchema<unknown, T>,
  given: unknown,
  what = 'its argument',
  facts: Readonly<Record<string, Fact>> = {},
): T {
  const result = parsed(call, schema, given, what)
  if (result.success) return result.output
  const { place, what: fault } = schemaFault(result.issues)
  throw new VfioError('INVALID_ARGUMENT', `${call}: ${place ?? what} ${fault}`, { facts })
}

function parsed<T>(
  call: string,
  schema: v.GenericSchema<unknown, T>,
  given: unknown,
  what: string,
): v.SafeParseResult<v.GenericSchema<unknown, T>> {
  try {
    return v.safeParse(schema, given, { abortEarly: true })
  } catch (cause) {
    // a getter, or a proxy, of the caller's
    throw new VfioError('INVALID_ARGUMENT', `${call}: ${what} cannot be read`, { cause })
  }
}

/** For what is called too often for a schema. INVALID_ARGUMENT for what is no Uint8Array, or has lost its memory. */
export function checkBytes(call: string, given: Uint8Array): void {
  if (!isUint8Array(given)) {
    throw new VfioError('INVALID_ARGUMENT', `${call}: its bytes must be a Uint8Array, not ${shown(given)}`)
  }
  if (given.length === 0 && isDetached(given.buffer)) {
    throw new VfioError('INVALID_ARGUMENT', `${call}: its bytes were handed to another thread`)
  }
}

/** Node 20 has no `detached` to ask. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    return new Uint8Array(buffer).length < 0
  } catch {
    return true
  }
}
