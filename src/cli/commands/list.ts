import { printable } from '../../base/units.ts'
import { shownUsers } from '../../host/device-users.ts'
import type { Host } from '../../host.ts'
import { isTypeNamed } from '../../lifecycle/device/type-named.ts'
import type { VirtualDevice } from '../../lifecycle/device/virtual-device.ts'
import { checkNamesAreThere } from '../../lifecycle/kinds/named-device.ts'
import { given } from '../arguments/change-options.ts'
import { namedDevice, namedParent } from '../arguments/device-argument.ts'
import { device, parent, type, uuid } from '../arguments/virtual-device.ts'
import { type Command, command, usageError } from '../command/command.ts'
import { asksNames, checkChoice, checkNoChoice, chosenTable, tableArguments } from '../output/chosen-table.ts'
import { type Column, json, reportWarnings } from '../output/output.ts'

const columns: readonly Column<VirtualDevice>[] = [
  { heading: 'DEVICE', cell: (row) => row.name },
  { heading: 'PARENT', cell: (row) => row.parent },
  { heading: 'TYPE', cell: (row) => row.type },
  { heading: 'NAME', cell: (row) => row.typeName },
  { heading: 'STATE', cell: (row) => (row.active ? 'active' : 'inactive') },
  { heading: 'START', cell: (row) => row.definition?.start ?? null },
  { heading: 'GROUP', cell: (row) => row.group },
  { heading: 'NODE', cell: (row) => row.node },
  {
    heading: 'USED BY',
    cell: ({ users }) => shownUsers(users),
  },
  { heading: 'KIND', cell: (row) => row.kind, isWide: true },
  { heading: 'PIDS', cell: ({ users }) => users.map(({ pid }) => pid).join(','), isWide: true },
]

const list: Command = command({
  arguments: {
    device: { ...device, describe: 'only this device' },
    uuid: { ...uuid, describe: 'only this device' },
    parent: { ...parent, describe: 'only devices of this card' },
    type: { ...type, describe: 'only devices of this type' },
    active: { kind: 'flag', describe: 'Only running devices' },
    inactive: { kind: 'flag', describe: 'Only devices that do not run' },
    defined: { kind: 'flag', alias: 'd', describe: 'Only defined devices' },
    transient: { kind: 'flag', describe: 'Only devices without a definition' },
    kept: {
      kind: 'flag',
      describe:
        'Instead, the drivers, virtual functions and vGPUs that are kept for the next boots, also for devices that are gone',
    },
    ...tableArguments(columns),
  },
  examples: [
    ['vfioctl list', 'all devices; START is auto or manual, and - for a device that is not defined'],
    ['vfioctl list -d -v', 'the defined devices, with their attributes'],
    ['vfioctl list -q --inactive', 'the names of those that do not run, for a script'],
    ['vfioctl list --columns device,state,used-by --no-headers', 'these columns, also if they are empty'],
    ['vfioctl list --kept', 'what comes back at the next boot, and the command that forgets it'],
    ['vfioctl list --json', 'the same for programs'],
  ],
  async run(values, context, io) {
    if (values.active && values.inactive) throw usageError('--active and --inactive exclude each other')
    if (values.defined && values.transient) throw usageError('--defined and --transient exclude each other')
    checkChoice(values, context.options.json)
    if (values.kept) {
      checkNoChoice(values, '--kept')
      const { reportKept } = await import('../output/kept-text.ts')
      return reportKept(values.device ?? values.uuid, context, io)
    }
    const named = await namedDevice(values, context)
    const filter = {
      ...given({ name: named, parent: await namedParent(values.parent, context) }),
      ...(values.active || values.inactive ? { active: values.active } : {}),
      ...(values.defined || values.transient ? { defined: values.defined } : {}),
    }
    const host = await context.host()
    const found = withTypeNamed(host.list(filter), values.type)
    if (found.devices.length === 0)
      checkNamesAreThere(host.kernel.files, { ...filter, ...given({ type: values.type }) })
    if (context.options.json) {
      io.out(json(found))
      return
    }
    reportWarnings(found.warnings, io)
    if (found.devices.length === 0) {
      if (asksNames(values)) return
      const all = Object.keys(filter).length === 0 && values.type === undefined
      io.err(all ? 'no virtual devices; `vfioctl types` shows what can be made\n' : 'no virtual device matches\n')
      return
    }
    const below = context.options.verbose > 0 ? attributes : undefined
    io.out(chosenTable(found.devices, columns, values, 'DEVICE', below))
  },
})
export default list

/** Those of a type by its id or its name; all if none is named. */
function withTypeNamed<T extends ReturnType<Host['list']>>(found: T, type: string | undefined): T {
  if (type === undefined) return found
  const isIt = (device: VirtualDevice) => isTypeNamed({ type: device.type, name: device.typeName }, type)
  return { ...found, devices: found.devices.filter(isIt) }
}

function attributes({ definition }: VirtualDevice): string[] {
  return (definition?.attributes ?? []).map(({ name, value }, index) => `    @${index} ${name}=${printable(value)}`)
}
