import { type BaseIssue, getDotPath } from 'valibot'
import type { VfioError } from '../../base/errors.ts'
import { schemaFault } from '../../base/schema-fault.ts'
import { invalidSpec } from '../wanted/invalid-spec.ts'
import type { YamlContent } from './read-yaml.ts'
import type { Path } from './yaml-fault.ts'

/** The first thing that keeps a file's content from fitting its schema, with where it stands. */
export function invalidContent(
  file: string,
  content: YamlContent,
  issues: readonly [BaseIssue<unknown>, ...BaseIssue<unknown>[]],
): VfioError {
  const path = pathOf(issues[0])
  return invalidSpec(file, placeInWords(path), schemaFault(issues).what, content.placeOf(path))
}

function pathOf(issue: BaseIssue<unknown>): Path {
  if (getDotPath(issue) === null) return []
  return (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))
}

const one: Readonly<Record<string, string>> = {
  parents: 'parent',
  devices: 'device',
  bindings: 'binding',
  attributes: 'attribute',
}

/** 'parent 1, device 2, count': items are counted from 1. */
export function placeInWords(path: Path): string {
  if (path.length === 0) return 'the file'
  const words: string[] = []
  for (const part of path) {
    const list = typeof part === 'number' ? words.pop() : undefined
    if (typeof part !== 'number') words.push(part)
    else if (list !== undefined && Object.hasOwn(one, list)) words.push(`${one[list]} ${part + 1}`)
    else words.push(...(list === undefined ? [] : [list]), `entry ${part + 1}`)
  }
  return words.join(', ')
}
