import { type Command, command, usageError } from '../command.ts'
import { defaultMock, dryRun } from '../options.ts'
import { json } from '../output.ts'

const mock: Command = command({
  arguments: {
    action: {
      kind: 'required',
      completes: ['reset'],
      parse: (given): 'reset' => {
        if (given === 'reset') return given
        throw usageError(`mock can reset, not '${given}'`, 'vfioctl mock reset')
      },
      describe: 'reset: the simulated host starts over, as it first was',
    },
    'dry-run': dryRun,
  },
  examples: [['vfioctl mock reset', 'forget what was done on the simulated host']],
  async run(values, context, io) {
    const { mock, root, json: asJson } = context.options
    if (root !== null) throw usageError('--root is not for the simulated host')
    const { forgetMock } = await import('../mock-host.ts')
    const name = mock ?? defaultMock
    const dry = values['dry-run']
    const directory = await forgetMock(name, io, dry)
    if (asJson) io.out(json({ mock: name, stateDirectory: directory, dryRun: dry }))
    else if (dry) io.out(`forget ${directory}\n`)
    else io.err(`the simulated host ${name} starts over\n`)
  },
})
export default mock
