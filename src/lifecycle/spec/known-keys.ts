import * as v from 'valibot'
import { nearestNames } from '../../host/nearest-name.ts'

/** An object with these keys and no others; of another one, the nearest of these is named. */
export function knownKeys<const T extends v.ObjectEntries>(
  entries: T,
): v.StrictObjectSchema<T, v.ErrorMessage<v.StrictObjectIssue>> {
  const keys = Object.keys(entries)
  const said = new Map<string, string>()
  return v.strictObject(entries, (issue) => {
    // if it begins so, the sentence is made of the issue's other fields
    if (issue.expected !== 'never') return `Invalid ${issue.type}`
    const key = String(issue.path?.at(-1)?.key ?? '')
    // a file may have the same slip thousands of times
    const known = said.get(key)
    if (known !== undefined) return known
    const sentence = sentenceFor(key, keys)
    if (said.size < mostSaid) said.set(key, sentence)
    return sentence
  })
}

const mostSaid = 100

function sentenceFor(key: string, keys: readonly string[]): string {
  const [nearest] = nearestNames(key, keys)
  return nearest === undefined
    ? `is not known here: ${keys.join(', ')} are`
    : `is not known here; did you mean ${nearest}?`
}
