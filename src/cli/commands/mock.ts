import { scenarioNames } from '../../mock/shipped/names.ts'
import { defaultMock, dryRun } from '../arguments/global-options.ts'
import { action, type Command, command, usageError } from '../command/command.ts'
import { type Column, json, table } from '../output/output.ts'

const columns: readonly Column<{ readonly name: string; readonly summary: string }>[] = [
  { heading: 'NAME', cell: ({ name }) => name },
  { heading: 'WHAT', cell: ({ summary }) => summary },
]

const mock: Command = command({
  arguments: {
    action: action('mock', {
      list: 'print the names of the simulated hosts',
      reset: 'return the one of --mock to its first state',
      reboot: 'reboot it: running devices go, files stay',
    }),
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl mock list', 'the names that --mock takes, besides a file'],
    ['vfioctl mock reset', 'forget what was done on the simulated host'],
    ['vfioctl --mock gpu-host mock reboot', 'reboot; then `vfioctl restore` starts what is kept'],
  ],
  async run(values, context, io) {
    const { mock, root, json: asJson } = context.options
    if (values.action === 'list') {
      const scenarios = Object.entries(scenarioNames).map(([name, summary]) => ({ name, summary }))
      io.out(asJson ? json(scenarios) : table(scenarios, columns))
      return
    }
    if (root !== null) throw usageError('--root is not for the simulated host')
    const { restartMock } = await import('../command/mock-host.ts')
    const name = mock ?? defaultMock
    const dry = values['dry-run']
    const { directory, changed } = restartMock(values.action, name, io, dry)
    if (asJson) io.out(json({ mock: name, stateDirectory: directory, changed, dryRun: dry }))
    else if (dry) io.out(`${values.action === 'reset' ? 'forget' : 'forget all but the disk in'} ${directory}\n`)
    else if (!changed) io.err(`nothing was ever done on the simulated host ${name}\n`)
    else io.err(`the simulated host ${name} ${values.action === 'reset' ? 'starts over' : 'was rebooted'}\n`)
  },
})
export default mock
