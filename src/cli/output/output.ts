import { escaped, escapedAs, printable } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import type { Io } from '../io/io.ts'
import { paint, type Style } from '../io/paint.ts'

/** JSON for machines, indented. 64-bit values come as hex strings: JSON's numbers would round them. */
export function json(value: unknown): string {
  return `${asciiControls(JSON.stringify(value, null, 2))}\n`
}

/** The same on one line. */
export function jsonLine(value: unknown): string {
  return `${asciiControls(JSON.stringify(value))}\n`
}

/** JSON itself escapes only what it must: what else a terminal obeys or hides is an escape too, of the same value. */
function asciiControls(text: string): string {
  if (/^[\n\x20-\x7e]*$/.test(text)) return text
  return escapedAs(text, (character) => {
    if (character === '\n') return character
    return character.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  })
}

/** One column of a table: its heading, and its cell of a row. */
export interface Column<T> {
  readonly heading: string
  readonly cell: (row: T) => string | number | null
  /** True if it shows only in the wide form, or if it is asked for. */
  readonly isWide?: boolean
}

/** Ways to show a table. */
export interface TableForm<T> {
  /** Lines under a row. */
  readonly below?: (row: T) => string[]
  /** The colour of a row; null for none. */
  readonly style?: (row: T) => Style | null
  /** True unless said: the first line has the headings. */
  readonly hasHeadings?: boolean
  /** Columns that are empty in every row stay. */
  readonly keepsEmpty?: boolean
}

/**
 * Padded columns under a heading, never cut. A column that is empty in every row is left out; an empty cell among
 * others is '-'. A row is one line, whatever its names hold.
 */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], form: TableForm<T> = {}): string {
  const { below, style, hasHeadings = true, keepsEmpty = false } = form
  const cells = columns.map(({ cell }) => rows.map((row) => escaped(String(cell(row) ?? ''))))
  const shown = columns.flatMap(({ heading }, index) => {
    const values = cells[index] ?? []
    return !keepsEmpty && values.every((value) => value === '')
      ? []
      : [{ heading, values: values.map((value) => value || '-') }]
  })
  const padded = shown.map(({ heading, values }) => {
    const width = values.reduce((widest, value) => Math.max(widest, value.length), hasHeadings ? heading.length : 0)
    return { heading: heading.padEnd(width), values: values.map((value) => value.padEnd(width)) }
  })
  const heading = padded
    .map((column) => column.heading)
    .join('  ')
    .trimEnd()
  const lines = rows.flatMap((row, index) => {
    const line = padded
      .map(({ values }) => values[index])
      .join('  ')
      .trimEnd()
    const painted = style?.(row) ?? null
    return [painted === null ? line : paint(painted, line), ...(below?.(row) ?? []).map(escaped)]
  })
  return `${[...(hasHeadings ? [paint('bold', heading)] : []), ...lines].join('\n')}\n`
}

/** Writes each warning as one line to stderr: what could not be read, while the rest was shown. */
export function reportWarnings(warnings: readonly Warning[], io: Io): void {
  for (const { path, message } of warnings) {
    io.err(`${paint('yellow', 'warning:')} ${printable(path)} ${message}\n`)
  }
}
