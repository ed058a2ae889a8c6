import { type BaseIssue, type GenericSchema, getDotPath, type IssuePathItem, safeParse } from 'valibot'
import { schemaFault } from '../../base/schema-fault.ts'
import { InvalidSpec, invalidSpec, type SpecFault } from '../wanted/invalid-spec.ts'
import type { YamlContent } from './read-yaml.ts'
import type { Path } from './yaml-fault.ts'

/** The most faults of one file that are told: more would help nobody. */
export const mostFaults: number = 100

/**
 * A file's content as its schema has it. INVALID_SPEC of all that keeps it from fitting, each with where it stands, in
 * the file's order; the content that does not fit is used up.
 */
export function checkedContent<Output>(
  file: string,
  content: YamlContent,
  schema: GenericSchema<unknown, Output>,
): Output {
  if (content.value === null) throw invalidSpec(file, 'the file', 'is empty', content.placeOf([]))
  const result = safeParse(schema, content.value)
  if (result.success) return result.output
  const [first, ...others] = allIssues(schema, content.value, result.issues)
    .slice(0, mostFaults)
    .map((issue) => faultOf(content, issue))
    .filter(isFirstOfItsWords)
    .sort((one, other) => order(one) - order(other))
  throw new InvalidSpec(file, [first ?? faultOf(content, result.issues[0]), ...others])
}

/** More keys that nobody knows are a file of something else. */
const mostRounds = 20

/** valibot names one unknown key of an object at a time: each that it names is left out, and it is asked again. */
function allIssues(
  schema: GenericSchema,
  value: unknown,
  found: readonly BaseIssue<unknown>[],
): readonly BaseIssue<unknown>[] {
  const unknown: BaseIssue<unknown>[] = []
  let left = found
  for (let round = 0; round < mostRounds && unknown.length < mostFaults; round++) {
    const keys = left.filter(isUnknownKey)
    if (keys.length === 0) break
    unknown.push(...keys)
    for (const { path } of keys) leaveOut(path?.at(-1))
    left = safeParse(schema, value).issues ?? []
  }
  // each is compared with each
  const [keys, rest] = [unknown.slice(0, mostFaults), left.slice(0, 2 * mostFaults)]
  const follows = (issue: BaseIssue<unknown>) => keys.some((key) => followsFrom(key, issue))
  return [...keys, ...rest.filter((issue) => !isUnknownKey(issue) && !follows(issue)).flatMap(withinUnion)]
}

/**
 * Of a value that has none of the forms that a union takes: what is wrong within it, if it is an object or a list of
 * one of the forms; else the union's own sentence, which names them all.
 */
function withinUnion(issue: BaseIssue<unknown>): readonly BaseIssue<unknown>[] {
  if (issue.type !== 'union') return [issue]
  const deeper = (issue.issues ?? []).filter(({ path }) => path !== undefined)
  // a key that is missing or not known is one of another form
  const values = deeper.filter(({ type }) => type !== 'strict_object')
  const misspelt = deeper.filter((it) => isUnknownKey(it) && it.message.endsWith('?'))
  const within = values.length > 0 ? values : misspelt
  if (within.length === 0) return [issue]
  return within.flatMap((it) => withinUnion({ ...it, path: joined(issue.path, it.path) }))
}

function joined(
  above: BaseIssue<unknown>['path'],
  below: BaseIssue<unknown>['path'],
): [IssuePathItem, ...IssuePathItem[]] | undefined {
  const [first, ...others] = [...(above ?? []), ...(below ?? [])]
  return first === undefined ? undefined : [first, ...others]
}

/** True if an object lacks something because that stands there as a key that nobody knows. */
function followsFrom(unknown: BaseIssue<unknown>, issue: BaseIssue<unknown>): boolean {
  const [above, path] = [pathOf(unknown).slice(0, -1), pathOf(issue)]
  const isOfObject = above.length === path.length
  const isMeant = above.length === path.length - 1 && unknown.message.endsWith(` ${path.at(-1)}?`)
  return (isOfObject || isMeant) && above.every((key, at) => key === path[at])
}

function isUnknownKey({ type, expected }: BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never'
}

function leaveOut(at: IssuePathItem | undefined): void {
  if (at?.type === 'object' && typeof at.key === 'string') Reflect.deleteProperty(at.input, at.key)
}

function faultOf(content: YamlContent, issue: BaseIssue<unknown>): SpecFault {
  const path = pathOf(issue)
  // valibot takes a list for an object, and then tells what it has and lacks
  const last = issue.path?.at(-1)
  const isInList = issue.type === 'strict_object' && last?.type === 'object' && Array.isArray(last.input)
  const place = isInList ? path.slice(0, -1) : path
  const what = isInList ? 'must be an object, not a list' : schemaFault([issue]).what
  return { place: placeInWords(place), what, at: content.placeOf(place) }
}

function isFirstOfItsWords({ place, what }: SpecFault, index: number, all: readonly SpecFault[]): boolean {
  return all.findIndex((other) => other.place === place && other.what === what) === index
}

function order({ at }: SpecFault): number {
  return at === null ? 0 : at.line * 1e6 + at.column
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
