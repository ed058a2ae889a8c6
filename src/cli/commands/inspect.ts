import type { VirtualDevice } from '../../lifecycle/virtual-device.ts'
import { formatSize, printable } from '../../units.ts'
import {
  type CapabilityDescription,
  type DeviceDescription,
  describeDevice,
  type IrqDescription,
  type RegionDescription,
} from '../../vfio/describe-device.ts'
import { type Command, command } from '../command.ts'
import { withDevice } from '../opened-device.ts'
import { type Column, json, table } from '../output.ts'
import { device } from '../region-access.ts'

const regionColumns: readonly Column<RegionDescription>[] = [
  { heading: 'INDEX', cell: (region) => region.index },
  { heading: 'REGION', cell: (region) => region.name },
  { heading: 'SIZE', cell: ({ size }) => shownSize(size) },
  { heading: 'FLAGS', cell: ({ flags }) => flagNames(flags) },
  { heading: 'CAPABILITIES', cell: ({ capabilities }) => capabilities.map(shownCapability).join(', ') },
]

const irqColumns: readonly Column<IrqDescription>[] = [
  { heading: 'INDEX', cell: (irq) => irq.index },
  { heading: 'INTERRUPT', cell: (irq) => irq.name },
  { heading: 'COUNT', cell: (irq) => irq.count },
  { heading: 'FLAGS', cell: ({ flags }) => flagNames(flags) },
]

const inspect: Command = command({
  arguments: { device },
  examples: [
    ['vfioctl inspect UUID', 'what a device is, its regions and its interrupts'],
    ['vfioctl inspect /dev/vfio/7 --json', 'the same for programs'],
  ],
  async run(values, context, io) {
    const [virtualDevice, opened] = await withDevice(values.device, context, (found) => [
      found.virtualDevice,
      describeDevice(found.device),
    ])
    if (context.options.json) {
      io.out(json({ virtualDevice, device: opened }))
      return
    }
    const facts = deviceFacts(virtualDevice, opened).map(([name, value]) => `${name.padEnd(12)}${value}\n`)
    const regions = table(opened.regions, regionColumns, io)
    const irqs = opened.irqs.length === 0 ? 'no interrupts\n' : table(opened.irqs, irqColumns, io)
    io.out(`${facts.join('')}\n${regions}\n${irqs}`)
  },
})
export default inspect

function deviceFacts(virtualDevice: VirtualDevice, opened: DeviceDescription): [name: string, value: string][] {
  const { uuid, parent, type, typeName, definition, group, node, users } = virtualDevice
  return [
    ['device', uuid],
    ['parent', parent],
    ['type', typeName === null ? type : `${type} (${typeName})`],
    ['definition', definition === null ? 'none: gone after a stop' : `start ${definition.start}`],
    ...(definition?.attributes ?? []).map(({ name, value }): [string, string] => [
      'attribute',
      `${name}=${printable(value)}`,
    ]),
    ['group', `${group}, ${node}`],
    ['flags', flagNames(opened.flags)],
    ['IOMMU', opened.iommuMode],
    ...(users.length === 0
      ? []
      : [
          ['used by', users.map(({ pid, command }) => `${printable(command)} (${pid})`).join(', ')] satisfies [
            string,
            string,
          ],
        ]),
  ]
}

function flagNames(flags: object): string {
  return Object.entries(flags)
    .filter(([, set]) => set === true)
    .map(([name]) => name)
    .join(' ')
}

/** '0x100000 (1 MiB)', '0xff', '0' for a region that is not there. */
function shownSize(size: string): string {
  const bytes = Number(size)
  if (bytes === 0) return '0'
  return bytes >= 1024 && bytes % 1024 === 0 ? `${size} (${formatSize(bytes)})` : size
}

function shownCapability(capability: RegionDescription['capabilities'][number]): string {
  return shownFields(capability)
}

/** 'type (type 1, subtype 1)': a capability's name, and what it says. */
function shownFields({ name, ...fields }: CapabilityDescription<{ readonly name: string }>): string {
  const said = Object.entries(fields).map(
    ([field, value]) => `${field} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return said.length === 0 ? name : `${name} (${said.join(', ')})`
}
