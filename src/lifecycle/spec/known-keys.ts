import * as v from 'valibot'
import { nearestNames } from '../../host/nearest-name.ts'

/** An object with these keys and no others; of another one, the nearest of these is named. */
export function knownKeys<const T extends v.ObjectEntries>(
  entries: T,
): v.StrictObjectSchema<T, v.ErrorMessage<v.StrictObjectIssue>> {
  const keys = Object.keys(entries)
  return v.strictObject(entries, (issue) => {
    // if it begins so, the sentence is made of the issue's other fields
    if (issue.expected !== 'never') return `Invalid ${issue.type}`
    const nearest = nearestNames(String(issue.path?.at(-1)?.key ?? ''), keys)
    return nearest.length === 0
      ? `is not known here: ${keys.join(', ')} are`
      : `is not known here; did you mean ${nearest[0]}?`
  })
}
