import { Composer, type Document, LineCounter, type ParsedNode } from 'yaml'
import type { Place } from '../wanted/invalid-spec.ts'
import type { Path } from './yaml-fault.ts'
import { placeAt, YamlFault, yamlFault } from './yaml-fault.ts'
import { boundedTokens } from './yaml-tokens.ts'
import { YamlValues } from './yaml-values.ts'

/** The value of a text in YAML or JSON, and the places in it. */
export interface YamlContent {
  readonly value: unknown
  /** Of a key or an item, or of what should hold it. */
  placeOf(path: Path): Place
}

/**
 * Throws YamlFault, with its place, for what is no YAML. Depth and words are bounded; the cost grows with their number
 * alone.
 */
export function readYaml(text: string): YamlContent {
  checkDepth(text)
  const lines = new LineCounter()
  const { contents } = onlyDocument(text, lines)
  const values = new YamlValues(lines)
  return { value: values.of(contents), placeOf: (path) => values.placeOf(contents, path) }
}

type Found = Document.Parsed<ParsedNode, true>

/** As yaml's own `parseDocument` does it, but for the end at the first fault: each costs as much as many good words. */
function onlyDocument(text: string, lines: LineCounter): Found {
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const found: Found[] = []
  const traces = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    for (const token of boundedTokens(text, lines)) {
      if (token.type === 'error') throw new YamlFault('this cannot stand here', placeAt(lines, token.offset))
      for (const document of composer.next(token)) found.push(checked(document, lines))
      if (found.length > 1) break
    }
    for (const document of composer.end(true, text.length)) found.push(checked(document, lines))
  } finally {
    Error.stackTraceLimit = traces
  }
  const [only, second] = found
  if (only === undefined) throw new YamlFault('is empty', { line: 1, column: 1 })
  if (second === undefined) return only
  throw new YamlFault('a second document begins here, and a file has one', placeAt(lines, second.range[0]))
}

function checked(document: Found, lines: LineCounter): Found {
  const [error] = document.errors
  if (error !== undefined) throw yamlFault(error, lines)
  return document
}

/** The deepest nesting that is read. A spec needs a dozen levels. */
const deepest = 200

/**
 * Before any parser sees the text, since what is nested without end takes Node down in yaml's: brackets that are open,
 * those in quotes and comments among them, and columns of indentation, as each `-` or `?` of one line can be a level.
 */
function checkDepth(text: string): void {
  let open = 0
  let line = 1
  let start = 0
  let isIndentation = true
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '\n' || char === '\r') {
      line += char === '\n' ? 1 : 0
      start = at + 1
      isIndentation = true
      continue
    }
    if (char === '[' || char === '{') open++
    else if ((char === ']' || char === '}') && open > 0) open--
    const isMark = char === '-' || char === '?' || char === ':'
    if (open > deepest || (isIndentation && isMark && at - start > deepest)) {
      throw new YamlFault(`is nested more than ${deepest} deep`, { line, column: at - start + 1 })
    }
    if (char !== ' ' && char !== '\t' && !isMark) isIndentation = false
  }
}
