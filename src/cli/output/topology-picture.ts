import { escaped } from '../../base/units.ts'
import type { IommuGroup } from '../../host/iommu-groups.ts'
import type { Topology, TopologyDevice } from '../../host-topology.ts'
import { kindOfClass, shownAccessControl, shownIds, shownReset } from './topology-table.ts'

/** Pixels. */
const line = 20
const card = { width: 340, height: 58, gap: 12 } as const
const indent = 28
const margin = 24
const frame = 6
/** Characters of a line in a card, as wide as its font makes them. */
const longest = 42

/** A box of the drawing: a root bus, or a device of any bus. */
interface Box {
  readonly depth: number
  readonly title: string
  readonly lines: readonly string[]
  readonly group: number | null
  readonly viable: boolean | null
}

interface Placed extends Box {
  readonly x: number
  readonly y: number
  /** Place of the box above it in the same column, or null. */
  readonly above: Placed | null
}

const style = `
svg { color-scheme: light dark; }
.page { fill: #fff; } .card { fill: #f6f8fa; } text { fill: #1f2328; } .soft { fill: #59636e; } .line { stroke: #818b98; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; } .card { fill: #151b23; } text { fill: #f0f6fc; } .soft { fill: #9198a1; } .line { stroke: #656c76; }
}
text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; }
.title { font-weight: bold; } .line { fill: none; }
.yes { fill: #1a7f37; } .no { fill: #cf222e; }
@media (prefers-color-scheme: dark) { .yes { fill: #3fb950; } .no { fill: #f85149; } }
`

/** A drawing of a topology as SVG: a column for each root bus, a card for each device, framed in its group's colour. */
export function topologyPicture({ roots, otherGroups }: Topology): string {
  const columns = roots.map(({ name, children }) => [root(name), ...boxesBelow(children, 1)])
  if (otherGroups.length > 0) columns.push([root('other buses'), ...otherGroups.flatMap(boxesOf)])
  const placed = place(columns)
  const width = Math.max(...placed.map(({ x }) => x + card.width), card.width) + margin
  const height = Math.max(...placed.map(({ y }) => y + card.height), line) + margin
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<title>PCI devices and IOMMU groups</title>',
    `<style>${style}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...placed.map(connection),
    ...placed.map(drawn),
    '</svg>\n',
  ].join('\n')
}

function root(title: string): Box {
  return { depth: 0, title, lines: [], group: null, viable: null }
}

function boxesBelow(devices: readonly TopologyDevice[], depth: number): Box[] {
  return devices.flatMap((device) => {
    const acs = shownAccessControl(device)
    const facts = [
      `reset ${shownReset(device)}`,
      ...(device.numaNode === null ? [] : [`NUMA ${device.numaNode}`]),
      ...(acs === null ? [] : [`ACS ${acs}`]),
    ]
    const lines = [
      `${kindOfClass(device.class) ?? ''} ${shownIds(device)} · ${device.driver ?? 'no driver'}`.trim(),
      facts.join(' · '),
    ]
    const { name: title, group, viable } = device
    return [{ depth, title, lines, group, viable }, ...boxesBelow(device.children, depth + 1)]
  })
}

function boxesOf({ number: group, viable, devices }: IommuGroup): Box[] {
  return devices.map(({ name: title, driver, bus }) => ({
    depth: 1,
    title,
    lines: [`${bus ?? 'unknown bus'} · ${driver ?? 'no driver'}`],
    group,
    viable,
  }))
}

/** Columns side by side, as high as they are; a long one goes on beside itself, so that the picture is not a ribbon. */
function place(columns: readonly (readonly Box[])[]): Placed[] {
  const placed: Placed[] = []
  const total = columns.reduce((sum, boxes) => sum + boxes.length, 0)
  const most = Math.max(8, Math.ceil(Math.sqrt(total * 3)))
  let left = margin
  let y = margin
  for (const boxes of columns) {
    if (y > margin && y + boxes.length * (card.height + card.gap) > margin + most * (card.height + card.gap)) {
      left += columnWidth(placed, left)
      y = margin
    }
    const latest = new Map<number, Placed>()
    for (const box of boxes) {
      if (y + heightOf(box) > margin + most * (card.height + card.gap)) {
        left += columnWidth(placed, left)
        y = margin
        // what is in the column before has no line from here
        latest.clear()
      }
      const it: Placed = { ...box, x: left + box.depth * indent, y, above: latest.get(box.depth - 1) ?? null }
      placed.push(it)
      latest.set(box.depth, it)
      y += heightOf(box) + card.gap
    }
    y += card.gap
  }
  return placed
}

function heightOf({ depth }: Box): number {
  return depth === 0 ? line : card.height
}

function columnWidth(placed: readonly Placed[], left: number): number {
  const ends = placed.filter(({ x }) => x >= left).map(({ x }) => x + card.width - left)
  return Math.max(...ends, card.width) + margin
}

function connection({ x, y, above, ...box }: Placed): string {
  if (above === null) return ''
  const from = above.x + indent / 2
  return `<path class="line" d="M${from} ${above.y + heightOf(above)}V${y + heightOf(box) / 2}H${x}"/>`
}

function drawn(box: Placed): string {
  const { x, y, depth, title, lines, group, viable } = box
  if (depth === 0) return words(x, y + 14, 'title', title)
  const colour = group === null ? '#818b98' : `hsl(${(group * 137) % 360} 65% 50%)`
  const state = viable === null ? '' : viable ? 'viable' : 'not viable'
  const at = x + card.width - 10
  return [
    `<rect class="card" x="${x}" y="${y}" width="${card.width}" height="${card.height}" rx="6" stroke="${colour}" stroke-width="2"/>`,
    `<rect x="${x}" y="${y}" width="${frame}" height="${card.height}" rx="3" fill="${colour}"/>`,
    words(x + 14, y + 17, 'title', title, 22),
    words(
      at,
      y + 17,
      viable === false ? 'no' : 'yes',
      `${group === null ? 'no group' : `group ${group}`} ${state}`.trim(),
      22,
      'end',
    ),
    ...lines.map((text, index) => words(x + 14, y + 34 + 16 * index, index === 0 ? 'plain' : 'soft', text)),
  ].join('')
}

function words(x: number, y: number, kind: string, text: string, most: number = longest, anchor = 'start'): string {
  const shown = text.length > most ? `${text.slice(0, most - 1)}…` : text
  const full = shown === text ? '' : `<title>${safe(text)}</title>`
  return `<text class="${kind}" x="${x}" y="${y}" text-anchor="${anchor}">${safe(shown)}${full}</text>`
}

/** Text as XML takes it: no control characters, and nothing that is markup. */
function safe(text: string): string {
  return escaped(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
