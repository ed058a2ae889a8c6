import { type Command, command, usageError } from '../command/command.ts'
import { completionScripts } from './completion-script.ts'

type Shell = 'bash' | 'zsh'

const completion: Command = command({
  arguments: {
    shell: {
      kind: 'optional',
      completes: ['bash', 'zsh'],
      parse: parseShell,
      describe: 'bash or zsh (default: what $SHELL says)',
    },
  },
  examples: [
    ['source <(vfioctl completion bash)', 'in ~/.bashrc'],
    ['vfioctl completion zsh > ~/.zfunc/_vfioctl', 'once'],
  ],
  run(values, _context, io) {
    const shell = values.shell ?? (io.env['SHELL']?.endsWith('zsh') ? 'zsh' : 'bash')
    io.out(completionScripts[shell])
  },
})
export default completion

function parseShell(given: string): Shell {
  if (given === 'bash' || given === 'zsh') return given
  throw usageError(`no completion for '${given}': bash or zsh`)
}
