import { counted, escaped, formatSize, hex, printable } from '../../base/units.ts'
import { shownUsers } from '../../host/device-users.ts'
import type { PciPower } from '../../host/pci-power.ts'
import type { VfioPciDriver } from '../../host/variants/vfio-pci-drivers.ts'
import type { DeviceInspection } from '../../host-inspection.ts'
import { configHeader } from '../../uapi/pci.ts'
import type { ConfigSpace, PciCapability } from '../../vfio/config-space/config-space.ts'
import type { DescribedCapability, DescribedIrq, DescribedRegion } from '../../vfio/describe-device.ts'
import { type Column, table } from './output.ts'

type Fact = readonly [name: string, value: string]

const regionColumns: readonly Column<DescribedRegion>[] = [
  { heading: 'INDEX', cell: (region) => region.index },
  { heading: 'REGION', cell: (region) => region.name },
  { heading: 'SIZE', cell: ({ size }) => shownSize(size) },
  { heading: 'FLAGS', cell: ({ flags }) => flagNames(flags) },
  { heading: 'CAPABILITIES', cell: ({ capabilities }) => capabilities.map(shownFields).join(', ') },
]

const irqColumns: readonly Column<DescribedIrq>[] = [
  { heading: 'INDEX', cell: (irq) => irq.index },
  { heading: 'INTERRUPT', cell: (irq) => irq.name },
  { heading: 'COUNT', cell: (irq) => irq.count },
  { heading: 'FLAGS', cell: ({ flags }) => flagNames(flags) },
]

const capabilityColumns: readonly Column<PciCapability>[] = [
  { heading: 'OFFSET', cell: ({ offset }) => hex(offset, 2) },
  { heading: 'CAPABILITY', cell: ({ name, id }) => (name === 'unknown' ? `unknown (${hex(id, 2)})` : name) },
  { heading: 'VERSION', cell: ({ version }) => version },
  { heading: 'FIELDS', cell: ({ fields }) => shownValues(fields ?? {}) },
]

/** For people: the facts, then tables. */
export function inspectionText(inspection: DeviceInspection): string {
  const { device, config } = inspection
  const facts = deviceFacts(inspection).map(([name, value]) => `${name.padEnd(12)}${escaped(value)}\n`)
  const irqs = device.irqs.length === 0 ? 'no interrupts\n' : table(device.irqs, irqColumns)
  const regions = device.regions.length === 0 ? 'no regions\n' : table(device.regions, regionColumns)
  const parts = [facts.join(''), regions, irqs]
  return [...parts, ...(config === null ? [] : configTables(config))].join('\n')
}

function deviceFacts(inspection: DeviceInspection): Fact[] {
  const { virtualDevice, group, device, vfioDrivers, addressSpace, power, resizableBars } = inspection
  const { mode, pageSize, ranges, availableMappings } = addressSpace
  const pci = group?.devices.find(({ name, bus }) => name === device.name && bus === 'pci')
  const users = group?.users ?? []
  const left = availableMappings === null ? '' : `, ${counted(availableMappings, 'mapping')} left`
  return [
    ['device', device.name],
    ...(pci === undefined
      ? []
      : [
          ['id', `${pci.vendor?.slice(2)}:${pci.device?.slice(2)}, class ${pci.class}`] satisfies Fact,
          ['driver', pci.driver ?? 'none'] satisfies Fact,
          ...driverFacts(vfioDrivers ?? []),
        ]),
    ...(power === null ? [] : powerFacts(power)),
    ...resizableBars.map(({ bar, size, sizes }): Fact => {
      const now = size === null ? '' : `${formatSize(size)}, of `
      return [`BAR ${bar}`, `${now}${sizes.map(formatSize).join(', ')}`]
    }),
    ...(virtualDevice === null ? [] : virtualDeviceFacts(virtualDevice)),
    ['group', group === null ? 'none' : [group.number, group.node].filter((it) => it !== null).join(', ')],
    ['flags', flagNames(device.flags)],
    ['IOMMU', `${mode}, pages from ${formatSize(pageSize)}${left}`],
    ...ranges.map(({ first, last }, i): Fact => [i === 0 ? 'IOVA' : '', `${first}-${last}`]),
    ...(users.length === 0 ? [] : [['used by', shownUsers(users)] satisfies Fact]),
  ]
}

function powerFacts({ powerState, d3coldAllowed, control, runtimeStatus, resetMethods }: PciPower): Fact[] {
  const cold = d3coldAllowed === null ? null : `D3cold ${d3coldAllowed ? 'allowed' : 'not allowed'}`
  const runtime = control === null ? null : `control ${control}${runtimeStatus === null ? '' : ` (${runtimeStatus})`}`
  const power = [powerState, runtime, cold].filter((it) => it !== null).join(', ')
  return [
    ...(power === '' ? [] : [['power', power] satisfies Fact]),
    ['resets', resetMethods.length === 0 ? 'none of its own' : resetMethods.join(' ')],
  ]
}

/** VFIO's drivers for the device, if there is a choice. */
function driverFacts(drivers: readonly VfioPciDriver[]): Fact[] {
  if (drivers.length < 2) return []
  return drivers.map(({ driver, isLoaded, brings }, index) => {
    const shown = `${driver}${isLoaded ? '' : ' (not loaded)'}${brings === null ? '' : `: ${brings}`}`
    return [index === 0 ? 'best driver' : '', shown]
  })
}

function virtualDeviceFacts({
  parent,
  type,
  typeName,
  definition,
}: NonNullable<DeviceInspection['virtualDevice']>): Fact[] {
  return [
    ['parent', parent],
    ['type', typeName === null ? type : `${type} (${typeName})`],
    ['definition', definition === null ? 'none: gone after a stop' : `start ${definition.start}`],
    ...(definition?.attributes ?? []).map(({ name, value }): Fact => ['attribute', `${name}=${printable(value)}`]),
  ]
}

/** The registers by the names that `read` takes; those that are zero are left out. */
function configTables({ header, capabilities, extendedCapabilities }: ConfigSpace): string[] {
  const values: Readonly<Record<string, number>> = header
  const registers = Object.entries(configHeader)
    .map(([name, { offset, width }]) => ({ name, offset, width, value: values[name] ?? 0 }))
    .filter(({ value }) => value !== 0)
  const all = [...capabilities, ...extendedCapabilities]
  const columns: readonly Column<(typeof registers)[number]>[] = [
    { heading: 'OFFSET', cell: ({ offset }) => hex(offset, 2) },
    { heading: 'REGISTER', cell: ({ name }) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) },
    { heading: 'VALUE', cell: ({ value, width }) => hex(value, width / 4) },
  ]
  return [table(registers, columns), all.length === 0 ? 'no PCI capabilities\n' : table(all, capabilityColumns)]
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

/** 'type (type 1, subtype 1)': a capability's name, and what it says. */
function shownFields({ name, ...fields }: DescribedCapability<{ readonly name: string }>): string {
  const said = shownValues(fields)
  return said === '' ? name : `${name} (${said})`
}

/** 'vectors 5, masked no' */
function shownValues(fields: object): string {
  return Object.entries(fields)
    .map(([field, value]) => `${field} ${shownValue(field, value)}`)
    .join(', ')
}

/** Offsets and ids are what people know in hex. */
function shownValue(field: string, value: unknown): string {
  if (typeof value === 'number' && /(Offset|Id)$/.test(field)) return hex(value)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
