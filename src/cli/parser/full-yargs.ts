import yargs, { type Argv } from 'yargs'
import { usageError } from '../command/command.ts'
import { parserConfiguration } from './parser.ts'

/** All of yargs, for what `name` is called with. What is wrong with a line is INVALID_ARGUMENT, with that hint. */
export function yargsParser(name: string, hint?: string): Argv {
  return yargs([])
    .scriptName(name)
    .locale('en')
    .exitProcess(false)
    .strict()
    .parserConfiguration(parserConfiguration)
    .wrap(null)
    .fail((message, error) => {
      throw usageError(message ?? error.message, hint)
    })
}

/** Parses a line's words: values by name, and the text that yargs prints in their place, '' if it prints none. */
export function parseWords(
  parser: Argv,
  words: readonly string[],
): { values: Readonly<Record<string, unknown>>; text: string } {
  let text = ''
  const values: unknown = parser.parse([...words], {}, (_error: unknown, _values: unknown, output: string) => {
    text = output
  })
  return { values: typeof values === 'object' && values !== null ? { ...values } : {}, text }
}
