import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const readme: string = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')

/** The README's code blocks of one language, which may be none. */
export function codeBlocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, name, text = '']) =>
    name === language ? [text] : [],
  )
}
