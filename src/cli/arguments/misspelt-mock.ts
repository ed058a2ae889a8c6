import { distance } from 'fastest-levenshtein'
import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { scenarioNames } from '../../mock/shipped/names.ts'
import { commands } from '../command/commands.ts'

/**
 * Throws NOT_FOUND for a word after a bare `--mock` that is almost the name of a simulated host, or how one begins:
 * taken for a device or a file, it would end in a message about that, or do something on another host.
 */
export function checkNotMisspelt(word: string): void {
  if (Object.hasOwn(commands, word)) return
  const meant = Object.keys(scenarioNames).filter((name) => isAlmost(word, name))
  if (meant.length === 0) return
  throw new VfioError('NOT_FOUND', `no simulated host '${printable(word)}'; did you mean ${meant.join(' or ')}?`, {
    hint: `--mock NAME, of ${Object.keys(scenarioNames).join(', ')}; before an argument that is called so, --mock=NAME`,
  })
}

/** One letter in four may differ. The first digits of a UUID are four or more. */
function isAlmost(word: string, name: string): boolean {
  const begins = word.length > 2 && name.startsWith(word) && !/^[\da-f]{4,}$/i.test(word)
  return begins || distance(word, name) <= Math.floor(name.length / 4)
}
