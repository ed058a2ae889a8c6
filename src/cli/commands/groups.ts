import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { checkOnBus, devicePath, otherBusDevice, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { shownUsers } from '../../host/device-users.ts'
import { iommuGroup } from '../../host/group-members.ts'
import type { GroupFilter, IommuGroup } from '../../host/iommu-groups.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { namedDevice } from '../../lifecycle/kinds/named-device.ts'
import { given } from '../arguments/change-options.ts'
import { deviceForms } from '../arguments/device-argument.ts'
import { wholeNumber } from '../arguments/numbers.ts'
import { type Command, command, text } from '../command/command.ts'
import { writeWhole } from '../io/write-whole.ts'
import { checkChoice, checkNoChoice, chosenTable, tableArguments } from '../output/chosen-table.ts'
import { type Column, json, reportWarnings, table } from '../output/output.ts'
import { shownIds, topologyTable } from '../output/topology-table.ts'

interface Row {
  /** Null for a device that is in none. */
  readonly group: IommuGroup | null
  readonly device: IommuGroup['devices'][number]
}

const columns: readonly Column<Row>[] = [
  { heading: 'GROUP', cell: ({ group }) => group?.number ?? 'none' },
  { heading: 'DEVICE', cell: ({ device }) => device.name },
  { heading: 'CLASS', cell: ({ device }) => device.class },
  { heading: 'ID', cell: ({ device }) => shownIds(device) },
  { heading: 'DRIVER', cell: ({ device }) => device.driver },
  { heading: 'VIABLE', cell: ({ group, device }) => (group === null ? whyNoGroup(device) : viability(group)) },
  {
    heading: 'NODE',
    cell: ({ group, device }) => [group?.node ?? null, device.node].filter((node) => node !== null).join(' '),
  },
  {
    heading: 'USED BY',
    cell: ({ group }) => shownUsers(group?.users ?? []),
  },
]

const groups: Command = command({
  arguments: {
    device: {
      kind: 'optional',
      completes: 'host device',
      parse: text,
      describe: `only the group of this device: ${deviceForms}`,
    },
    group: {
      kind: 'option',
      alias: 'g',
      value: 'N',
      completes: 'nothing',
      parse: wholeNumber('--group', 0xffff_ffff),
      describe: 'only the group of this number',
    },
    picture: {
      kind: 'option',
      value: 'FILE',
      completes: 'file',
      parse: text,
      describe: 'draw the tree into this SVG file, with the groups as coloured frames',
    },
    tree: {
      kind: 'flag',
      describe: 'the PCI devices below their bridges, with what resets each, NUMA node and ACS',
    },
    ...tableArguments(columns),
  },
  examples: [
    ['vfioctl groups', 'every IOMMU group: VFIO takes those that are viable, as a whole'],
    ['vfioctl groups 3b:00.0', 'the devices that share its group, and the driver that keeps VFIO from it'],
    ['vfioctl groups --tree', 'which bridge each device is behind; only root sees the bridges’ ACS'],
    ['vfioctl groups --picture groups.svg', 'the same as a drawing, for a browser'],
    ['vfioctl groups --group 5 --json', 'one group, for programs'],
  ],
  async run(values, context, io) {
    checkChoice(values, context.options.json)
    if (values.tree || values.picture !== undefined) checkNoChoice(values, '--tree and --picture')
    const host = await context.host()
    const { files } = host.kernel
    const filter = {
      ...given({ number: values.group }),
      ...(values.device === undefined ? {} : deviceFilter(files, values.device, values.group)),
    }
    if (values.tree || values.picture !== undefined) {
      const topology = await host.topology(filter)
      if (topology.roots.length + topology.otherGroups.length === 0) checkIsThere(files, filter)
      if (values.picture !== undefined) {
        const { topologyPicture } = await import('../output/topology-picture.ts')
        await writeWhole(values.picture, [Buffer.from(topologyPicture(topology))], io.interruption())
      }
      if (context.options.json) {
        io.out(json(topology))
        return
      }
      reportWarnings(topology.warnings, io)
      if (values.picture !== undefined) io.err(`drew the groups into ${printable(values.picture)}\n`)
      if (!values.tree) return
      const parts = [topologyTable(topology.roots), otherTable(topology.otherGroups)]
      io.out(parts.filter((part) => part !== '').join('\n'))
      return
    }
    const found = host.groups(filter)
    if (found.groups.length === 0) checkIsThere(files, filter)
    if (context.options.json) {
      io.out(json(found))
      return
    }
    reportWarnings(found.warnings, io)
    io.out(chosenTable(rowsOf(found.groups, found.withoutGroup), columns, values, 'DEVICE'))
  },
})
export default groups

/** '' if there is none. */
function otherTable(groups: readonly IommuGroup[]): string {
  return groups.length === 0 ? '' : table(rowsOf(groups), columns)
}

/** A row for each device. */
function rowsOf(groups: readonly IommuGroup[], withoutGroup: readonly Row['device'][] = []): Row[] {
  const inGroups = groups.flatMap((group) => group.devices.map((device) => ({ group, device })))
  return [...inGroups, ...withoutGroup.map((device) => ({ group: null, device }))]
}

/**
 * Throws NOT_FOUND if there is no such group or device, or it is in another group. A device may have no group: then the
 * warnings say why.
 */
function checkIsThere(files: HostFiles, { number, device }: GroupFilter): void {
  if (device !== undefined) {
    const named = parseBusDevice(device)
    checkOnBus(files, named)
    const its = iommuGroup(files, devicePath(named))
    if (number !== undefined && its !== number) throw inOtherGroup(device, its, number)
  }
  if (number === undefined) return
  throw new VfioError('NOT_FOUND', `there is no IOMMU group ${number}`, { hint: 'vfioctl groups', facts: { number } })
}

function inOtherGroup(device: string, its: number | null, asked: number): VfioError {
  return new VfioError(
    'NOT_FOUND',
    `${device} is in ${its === null ? 'no IOMMU group' : `IOMMU group ${its}`}, not ${asked}`,
    {
      hint: `vfioctl groups ${device}`,
      facts: { device, group: its, number: asked },
    },
  )
}

/** A group's node names the group, however many devices it has. */
function deviceFilter(
  files: HostFiles,
  given: string,
  asked: number | undefined,
): { number: number } | { device: string } {
  const number = /^\/dev\/vfio\/(?:noiommu-)?(\d{1,9})$/.exec(given)?.[1]
  if (number !== undefined) {
    if (asked !== undefined && asked !== Number(number)) throw inOtherGroup(given, Number(number), asked)
    return { number: Number(number) }
  }
  const other = otherBusDevice(files, given)
  return { device: other === null ? namedDevice(files, given) : shownDevice(other) }
}

/** The kernel puts some into a group when a first driver is offered them, and so not before they are bound. */
function whyNoGroup({ bus, driver }: Row['device']): string {
  if (bus !== null && busNamed(bus).opens !== 'device') return 'no: the mediated devices made of it have one'
  return driver === null ? 'not before a driver has it: bind it' : 'no: no IOMMU is in front of it'
}

function viability({ viable, blockers }: IommuGroup): string {
  return viable ? 'yes' : `no: ${blockers.map(({ name, driver }) => `${name} is with ${driver}`).join(', ')}`
}
