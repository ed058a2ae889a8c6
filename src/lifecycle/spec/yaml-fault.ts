import type { LineCounter, YAMLError } from 'yaml'
import type { Place } from '../wanted/invalid-spec.ts'

/** The keys and indexes that lead to a value. */
export type Path = readonly (string | number)[]

/** A fault of a text in YAML, and its place; whoever knows the file makes an error of it. */
export class YamlFault extends Error {
  readonly place: Place

  constructor(what: string, place: Place) {
    super(what)
    this.place = place
  }
}

/** The line and column of an offset. */
export function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return line === 0 ? { line: 1, column: offset + 1 } : { line, column: col }
}

/** In our words if the parser's are advice to who calls it, or about its insides. */
const words: Partial<Record<YAMLError['code'], string>> = {
  MULTIPLE_DOCS: 'a second document begins here, and a file has one',
  TAB_AS_INDENT: 'a tab indents this line: YAML wants spaces',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
  IMPOSSIBLE: 'this cannot be read',
  BLOCK_AS_IMPLICIT_KEY: 'a second `key:` on one line: put it on the next, indented',
  MULTILINE_IMPLICIT_KEY: 'a key has to end on its own line, with a colon',
  BAD_INDENT: 'this line is indented otherwise than those it belongs to',
  BAD_SCALAR_START: 'a value that begins so has to stand in quotes',
}

/** The fault of a parser's error, in our words. */
export function yamlFault(error: YAMLError, lines: LineCounter): YamlFault {
  const said = error.message.split('\n')[0] ?? ''
  return new YamlFault(
    words[error.code] ?? said.replace(/^./, (first) => first.toLowerCase()),
    placeAt(lines, error.pos[0]),
  )
}
