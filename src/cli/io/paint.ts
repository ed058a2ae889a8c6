import { styleText } from 'node:util'
import { escaped } from '../../base/units.ts'

/** A colour or weight of terminal text. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

const styles: readonly Style[] = ['bold', 'dim', 'red', 'green', 'yellow']

/** Noncharacters, which no text holds: each begins a style, and the last one ends it. */
const firstMark = 0xfdd0
const endMark = '\ufddf'

/** Text of ours in a colour or weight, which a terminal shows. */
export function paint(style: Style, text: string): string {
  return `${String.fromCharCode(firstMark + styles.indexOf(style))}${text}${endMark}`
}

/** True if a text may hold painted parts: then the terminal's colours are of interest. */
export function isPainted(text: string): boolean {
  return /[\ufdd0-\ufdd4]/.test(text)
}

/**
 * Text as it may go to a terminal: names and texts of others are in it, and whatever a terminal would obey or hide is
 * an escape. Lines stay lines. What was painted gets its colour, if `stream` has colours.
 */
export function forTerminal(text: string, stream: NodeJS.WritableStream | null): string {
  if (/^[\n\t\x20-\x7e]*$/.test(text)) return text
  return text.replace(
    /([\ufdd0-\ufdd4])([^\ufdd0-\ufddf]*)\ufddf|[^\n\t\ufdd0-\ufddf]+|[\ufdd0-\ufddf]/g,
    (part, mark, painted) => {
      if (typeof mark !== 'string' || typeof painted !== 'string') return escaped(part)
      const style = styles[mark.charCodeAt(0) - firstMark]
      const plain = painted.split('\n').map(escaped).join('\n')
      return stream === null || style === undefined ? plain : styleText(style, plain, { stream })
    },
  )
}
