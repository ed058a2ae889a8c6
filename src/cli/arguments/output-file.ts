import { type Option, text } from '../command/command.ts'

/** `-o FILE` of a command that would else write to stdout. @param what in the plural: 'bytes' */
export function outputFile(what: string): Option<string> {
  return {
    kind: 'option',
    alias: 'o',
    value: 'FILE',
    completes: 'file',
    parse: text,
    describe: `write the ${what} to this file, all or nothing; - is stdout`,
  }
}

/** The file to write, by that option; null if it is stdout. */
export function fileToWrite(output: string | undefined): string | null {
  return output === undefined || output === '-' ? null : output
}
