import * as v from 'valibot'
import { VfioError } from '../../base/errors.ts'
import { schemaFault } from '../../base/schema-fault.ts'
import { printable } from '../../base/units.ts'

/** Checks a file's JSON against a schema. Throws what `fail` makes of the place that is off, and what is off there. */
export function parseJsonFile<T>(
  text: string,
  schema: v.GenericSchema<unknown, T>,
  fail: (what: string, cause?: unknown) => Error,
): T {
  const result = v.safeParse(schema, parseJson(text, fail), { abortEarly: true })
  if (result.success) return result.output
  const { place, what } = schemaFault(result.issues)
  throw fail(`${place ?? 'the file'}: ${what}`)
}

/** The most that `HostFiles` reads of a file, in bytes. */
const longest = 1024 * 1024

/** INVALID_ARGUMENT for a text that, once it is a file, could not be read again. */
export function checkReadable(text: string, parse: (text: string) => unknown): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > longest) throw notKept(`it has ${bytes} bytes, and more than ${longest} are not read back`)
  try {
    parse(text)
  } catch (error) {
    throw notKept(error instanceof Error ? error.message : String(error), error)
  }
}

function notKept(why: string, cause?: unknown): VfioError {
  return new VfioError('INVALID_ARGUMENT', `this cannot be kept: ${why}`, cause === undefined ? {} : { cause })
}

function parseJson(text: string, fail: (what: string, cause?: unknown) => Error): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw fail(error instanceof Error ? printable(error.message) : 'not JSON', error)
  }
}
