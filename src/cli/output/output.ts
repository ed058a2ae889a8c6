import type { Io } from '../io/io.ts'

/** JSON for machines, indented. 64-bit values come as hex strings: JSON's numbers would round them. */
export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

export interface Column<T> {
  readonly heading: string
  readonly cell: (row: T) => string | number | null
}

/**
 * Padded columns under a heading, never cut. A column that is empty in every row is left out; an empty cell among
 * others is '-'. `below` adds lines under a row.
 */
export function table<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  io: Io,
  below?: (row: T) => string[],
): string {
  const cells = columns.map(({ cell }) => rows.map((row) => String(cell(row) ?? '')))
  const shown = columns.flatMap(({ heading }, index) => {
    const values = cells[index] ?? []
    return values.every((value) => value === '') ? [] : [{ heading, values: values.map((value) => value || '-') }]
  })
  const padded = shown.map(({ heading, values }) => {
    const width = values.reduce((widest, value) => Math.max(widest, value.length), heading.length)
    return { heading: heading.padEnd(width), values: values.map((value) => value.padEnd(width)) }
  })
  const heading = padded
    .map((column) => column.heading)
    .join('  ')
    .trimEnd()
  const lines = rows.flatMap((row, index) => [
    padded
      .map(({ values }) => values[index])
      .join('  ')
      .trimEnd(),
    ...(below?.(row) ?? []),
  ])
  return `${[io.paint('out', 'bold', heading), ...lines].join('\n')}\n`
}
