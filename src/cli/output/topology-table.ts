import type { TopologyDevice, TopologyRoot } from '../../host-topology.ts'
import { type Column, table } from './output.ts'
import { branches } from './tree.ts'

interface Row {
  /** The lines from the bridges above it, then its name. */
  readonly place: string
  /** Null for a root bus. */
  readonly device: TopologyDevice | null
}

type Cell = (device: TopologyDevice) => string | number | null

const cells: readonly (readonly [heading: string, Cell])[] = [
  ['ID', shownIds],
  ['KIND', ({ class: code, bootDisplay }) => (bootDisplay === true ? 'boot display' : kindOfClass(code))],
  ['GROUP', ({ group }) => group ?? 'none'],
  ['DRIVER', ({ driver }) => driver],
  ['VIABLE', ({ viable }) => (viable === null ? null : viable ? 'yes' : 'no')],
  ['RESET', shownReset],
  ['ACS', shownAccessControl],
]

/** The tree of a host's PCI devices, a line for each; '' if there is none. NUMA nodes are told if there are several. */
export function topologyTable(roots: readonly TopologyRoot[]): string {
  const rows = roots.flatMap(({ name, children }) => [
    { place: name, device: null },
    ...branches(children).map(({ place, node }) => ({ place, device: node })),
  ])
  if (rows.length === 0) return ''
  const devices = rows.flatMap(({ device }) => device ?? [])
  const nodes = new Set(devices.flatMap(({ numaNode }) => numaNode ?? []))
  const numa: typeof cells = nodes.size > 1 ? [['NUMA', ({ numaNode }) => numaNode]] : []
  const columns: Column<Row>[] = [{ heading: 'DEVICE', cell: ({ place }) => place }]
  for (const [heading, cell] of [...cells, ...numa]) {
    if (devices.every((device) => (cell(device) ?? '') === '')) continue
    // a root bus has nothing of its own, and a blank is not the '-' of what is missing
    columns.push({ heading, cell: ({ device }) => (device === null ? ' ' : cell(device)) })
  }
  return table(rows, columns)
}

/** As lspci -n shows them: '8086:10d3'. */
export function shownIds({ vendor, device }: Pick<TopologyDevice, 'vendor' | 'device'>): string {
  return vendor === null || device === null ? '' : `${vendor.slice(2)}:${device.slice(2)}`
}

/**
 * Base classes of PCI devices (PCI_BASE_CLASS_… of linux/pci_ids.h), and the classes within them that matter to VFIO.
 */
const kinds: Readonly<Record<string, string>> = {
  '01': 'storage',
  '0108': 'NVMe',
  '02': 'network',
  '03': 'display',
  '04': 'multimedia',
  '0403': 'audio',
  '05': 'memory',
  '06': 'bridge',
  '0600': 'host bridge',
  '0601': 'ISA bridge',
  '0604': 'PCI bridge',
  '07': 'communication',
  '08': 'system',
  '09': 'input',
  '0b': 'processor',
  '0c': 'serial bus',
  '0c03': 'USB',
  '0c05': 'SMBus',
  '0d': 'wireless',
  '10': 'encryption',
  '11': 'signal processing',
  '12': 'accelerator',
}

/** The kind of device that a class code names: 'display' of '0x030200'; the code itself for one without a name here. */
export function kindOfClass(code: string | null): string | null {
  if (code === null) return null
  return kinds[code.slice(2, 6)] ?? kinds[code.slice(2, 4)] ?? code
}

/** The ways to reset a device in their order; 'yes' on kernels that do not name them. */
export function shownReset({ canReset, resetMethods }: TopologyDevice): string {
  if (!canReset) return 'no'
  return resetMethods.length === 0 ? 'yes' : resetMethods.join(',')
}

/** The services that are on; nothing if it has none, or they are not to be read. */
export function shownAccessControl({ accessControl, class: code }: TopologyDevice): string | null {
  if (accessControl === 'unreadable') return 'unreadable'
  // only what stands between others can keep them apart
  if (accessControl === 'none') return code?.startsWith('0x0604') === true ? 'none' : null
  const { supported, enabled } = accessControl
  if (enabled.length === 0) return 'off'
  const off = supported.filter((service) => !enabled.includes(service))
  return off.length === 0 ? 'on' : `on, without ${off.join(', ')}`
}
