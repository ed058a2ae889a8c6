import { changeOptions, given } from '../arguments/change-options.ts'
import { namedParent, requiredDevice } from '../arguments/device-argument.ts'
import { dryRun } from '../arguments/global-options.ts'
import { device, overrule, parent, uuid } from '../arguments/virtual-device.ts'
import { type Command, command } from '../command/command.ts'
import { json } from '../output/output.ts'
import { reportDryRun } from '../output/report-change.ts'

const undefine: Command = command({
  arguments: {
    device: { ...device, completes: 'defined device' },
    uuid: { ...uuid, completes: 'defined device' },
    parent: { ...parent, describe: 'only its definition under this parent (default: under all)' },
    force: overrule,
    'dry-run': dryRun,
  },
  examples: [['vfioctl undefine UUID', 'delete its definition; a running device goes on running']],
  async run(values, context, io) {
    const name = await requiredDevice(values, context, 'vfioctl undefine UUID; `vfioctl list -d` shows them')
    const choice = { name, ...given({ parent: await namedParent(values.parent, context) }) }
    const host = await context.host()
    const changes = await host.undefine(choice, changeOptions(values, io))
    const already = `not defined: ${name}; nothing to do`
    if (context.options.json) io.out(json(changes))
    else if (changes.length === 0) io.err(`${already}\n`)
    else if (values['dry-run']) reportDryRun(changes, io, () => already)
    else {
      for (const change of changes) {
        io.err(change.changed ? `undefined ${name} on ${change.parent} (${change.type})\n` : `${already}\n`)
      }
    }
  },
})
export default undefine
