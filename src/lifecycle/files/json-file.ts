import * as v from 'valibot'
import { schemaFault } from '../../schema-fault.ts'
import { printable } from '../../units.ts'

/** Checks a file's JSON against a schema. Throws what `fail` makes of the place that is off, and what is off there. */
export function parseJsonFile<T>(
  text: string,
  schema: v.GenericSchema<unknown, T>,
  fail: (what: string, cause?: unknown) => Error,
): T {
  const result = v.safeParse(schema, parseJson(text, fail))
  if (result.success) return result.output
  const { place, what } = schemaFault(result.issues)
  throw fail(`${place ?? 'the file'}: ${what}`)
}

function parseJson(text: string, fail: (what: string, cause?: unknown) => Error): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw fail(error instanceof Error ? printable(error.message) : 'not JSON', error)
  }
}
