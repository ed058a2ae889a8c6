import { formatSize } from '../../base/units.ts'
import type { CardNode } from './card-tree.ts'
import { type Column, table } from './output.ts'
import { type Branch, branches } from './tree.ts'

type Row = Branch<CardNode>

const columns: readonly Column<Row>[] = [
  { heading: 'DEVICE', cell: ({ place }) => place },
  { heading: 'NAME', cell: ({ node }) => blank(node.what) },
  { heading: 'STATE', cell: ({ node }) => blank(node.state) },
  {
    heading: 'MEMORY',
    cell: ({ node }) => blank(node.memoryMiB === null ? null : formatSize(node.memoryMiB * 2 ** 20)),
  },
  { heading: 'USED BY', cell: ({ node }) => blank(node.usedBy) },
]

/** Cells of a bar: fewer say nothing, more are no clearer. */
const shortestBar = 5
const longestBar = 24

/**
 * The tree as lines; `width` is that of the terminal, null for none. TAKEN is the part of its card's memory that a
 * device has, or of a card that is taken: in per cent, and in a terminal that has room a bar beside it.
 */
export function cardTreeText(cards: readonly CardNode[], width: number | null): string {
  const rows = cards.flatMap((node) => [{ place: node.name, node }, ...branches(node.children)])
  const shown = columns.filter(({ cell }) => rows.some((row) => String(cell(row) ?? '').trim() !== ''))
  const plain = (cells: number) => table(rows, [...shown, ...takenColumn(rows, cells)])
  const text = plain(0)
  if (width === null) return text
  const longest = Math.max(...text.split('\n').map((line) => line.replace(/[\ufdd0-\ufddf]/g, '').length))
  const room = Math.min(longestBar, width - longest - 1)
  return room < shortestBar ? text : plain(room)
}

function takenColumn(rows: readonly Row[], cells: number): Column<Row>[] {
  if (rows.every(({ node }) => node.taken === null)) return []
  return [{ heading: 'TAKEN', cell: ({ node }) => blank(node.taken === null ? null : share(node.taken, cells)) }]
}

function share(part: number, cells: number): string {
  const percent = `${Math.round(part * 100)} %`.padStart(5)
  if (cells === 0) return percent
  // what is taken is seen, and what is not full is not shown as full
  const rounded = Math.round(part * cells)
  const full = part <= 0 ? 0 : part >= 1 ? cells : Math.min(cells - 1, Math.max(1, rounded))
  return `${percent} ${'█'.repeat(full)}${'░'.repeat(cells - full)}`
}

/** Nothing, where a node has no such thing: '-' is for what is missing. */
function blank(text: string | null): string {
  return text === null || text === '' ? ' ' : text
}
