import { type BaseIssue, getDotPath } from 'valibot'
import { printable } from './units.ts'

/** A value that does not fit its schema: where in the value, and why. */
export interface SchemaFault {
  /** Such as 'parents.0.type'; null for the whole. */
  readonly place: string | null
  /** Such as 'must be text, not 5'. */
  readonly what: string
}

/** The first thing that keeps a value from fitting its schema, in words. */
export function schemaFault([issue]: readonly [BaseIssue<unknown>, ...BaseIssue<unknown>[]]): SchemaFault {
  const place = getDotPath(issue)
  return { place: place === null ? null : printable(place), what: printable(inWords(issue)) }
}

function inWords({ message, type, expected, received }: BaseIssue<unknown>): string {
  // What a schema says itself; valibot's own sentences are 'Invalid type: Expected never but received "device"'.
  if (!message.startsWith('Invalid ')) return message
  if (expected === 'never') return 'is not known here'
  if (expected === '!0') return 'must not be empty'
  if (received === 'undefined') return 'is missing'
  const wanted = (expected ?? type).replace(/^\((.*)\)$/, '$1').split(' | ')
  return `must be ${wanted.map(named).join(' or ')}, not ${named(received)}`
}

const names: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  safe_integer: 'a whole number',
  boolean: 'true or false',
  Array: 'a list',
  Object: 'an object',
}

function named(what: string): string {
  return names[what] ?? what.replace(/^>=/, 'at least ').replace(/^<=/, 'at most ')
}
