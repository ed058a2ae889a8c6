import { type CST, Lexer, type LineCounter, Parser } from 'yaml'
import { YamlFault } from './yaml-fault.ts'

/**
 * Words, marks and the space between them: a file of 1 MiB whose lines are devices has fewer. Each costs yaml some
 * microseconds, so that a file of brackets and commas alone would take it ten times as long.
 */
const maxWords = 400_000

/** The tokens of yaml's own parser. Throws YamlFault for a text of too many words. */
export function* boundedTokens(text: string, lines: LineCounter): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  let words = 0
  for (const word of new Lexer().lex(text)) {
    if (++words > maxWords) {
      throw new YamlFault(`has more than ${maxWords} words and marks up to here`, {
        line: lines.lineStarts.length,
        column: 1,
      })
    }
    yield* parser.next(word)
  }
  yield* parser.end()
}
