import { pciAddressOrNull } from '../../base/units.ts'
import { physicalFunctionOf } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isTypeNamed } from '../../lifecycle/device/type-named.ts'
import { checkNamesAreThere } from '../../lifecycle/kinds/named-device.ts'
import { given } from '../arguments/change-options.ts'
import { namedParent } from '../arguments/device-argument.ts'
import { parent, type } from '../arguments/virtual-device.ts'
import { type Command, command, usageError } from '../command/command.ts'
import { asksNames, checkChoice, checkNoChoice, chosenTable, tableArguments } from '../output/chosen-table.ts'
import { type Column, json, reportWarnings } from '../output/output.ts'
import { type TypeRow, typeRows } from '../output/type-rows.ts'

const columns: readonly Column<TypeRow>[] = [
  { heading: 'PARENT', cell: (row) => row.parents },
  { heading: 'TYPE', cell: ({ type }) => type.type },
  { heading: 'NAME', cell: ({ type }) => type.name },
  { heading: 'FREE', cell: free },
  {
    heading: 'FRAMEBUFFER',
    cell: ({ type }) => (type.details.framebufferMiB === null ? null : `${type.details.framebufferMiB} MiB`),
  },
  { heading: 'RESOLUTION', cell: ({ type }) => type.details.maxResolution },
  { heading: 'HEADS', cell: ({ type }) => type.details.heads },
  { heading: 'API', cell: ({ type }) => type.deviceApi },
]

const types: Command = command({
  arguments: {
    parent: { ...parent, describe: 'only what this card offers' },
    type: { ...type, describe: 'only this type' },
    tree: { kind: 'flag', describe: 'the cards, what they are divided into, and who has it' },
    ...tableArguments(columns),
  },
  examples: [
    ['vfioctl types', 'the types of every card, and how many more of each can be created'],
    ['vfioctl types --tree', 'each card with its types, the devices on them, their memory and users'],
    ['vfioctl types -p 0000:3b:00.0 -v', 'one card, with the driver’s own descriptions'],
  ],
  epilogue:
    'FREE is the number that can still be made. `up to N`: that many virtual functions take one, and the driver does not say ' +
    'for how many the card has room. `N each`: each of several functions takes so many. With sriov at 0, nothing is free.',
  async run(values, context, io) {
    checkChoice(values, context.options.json)
    if (values.tree) {
      checkNoChoice(values, '--tree')
      if (values.type !== undefined) throw usageError('--tree and --type exclude each other')
      if (context.options.json) throw usageError('--tree and --json exclude each other', 'vfioctl list --json')
    }
    const host = await context.host()
    const { files } = host.kernel
    const parent = await namedParent(values.parent, context)
    if (values.tree) {
      const { reportCardTree } = await import('../output/report-card-tree.ts')
      return reportCardTree(host, given({ parent }), io)
    }
    const { types, warnings } = host.types(given({ parent }))
    const asked = values.type
    const found = { types: asked === undefined ? types : types.filter((it) => isTypeNamed(it, asked)), warnings }
    if (found.types.length === 0) checkNamesAreThere(files, given({ parent, type: asked }))
    if (context.options.json) {
      io.out(json(found))
      return
    }
    reportWarnings(found.warnings, io)
    if (found.types.length === 0) {
      if (asksNames(values)) return
      io.err(
        parent === undefined
          ? 'no card offers virtual devices; is its driver loaded?\n'
          : `${parent} offers no virtual devices; \`vfioctl types\` shows what does\n`,
      )
      return
    }
    const below = context.options.verbose > 0 ? describe : undefined
    io.out(chosenTable(typeRows(found.types, cardOf(files)), columns, values, 'TYPE', below))
  },
})
export default types

function free({ type: { available, availableAtMost }, count }: TypeRow): string | number | null {
  if (availableAtMost !== undefined) return `up to ${availableAtMost}`
  return available === null || available === 0 || count === 1 ? available : `${available} each`
}

function cardOf(files: HostFiles): (parent: string) => string | null {
  return (parent) => {
    const address = pciAddressOrNull(parent)
    return address === null ? null : physicalFunctionOf(files, address)
  }
}

function describe({ type: { description } }: TypeRow): string[] {
  return description === null
    ? []
    : description
        .trim()
        .split('\n')
        .map((line) => `    ${line}`)
}
