import { type Command, command, usageError } from '../command/command.ts'
import { completionScripts, type Shell, shells } from './completion-script.ts'

const completion: Command = command({
  arguments: {
    shell: {
      kind: 'optional',
      completes: shells,
      parse: parseShell,
      describe: 'bash, zsh or fish (default: the shell in $SHELL)',
    },
  },
  examples: [
    ['source <(vfioctl completion bash)', 'a line for ~/.bashrc'],
    ['vfioctl completion zsh > ~/.zfunc/_vfioctl', 'write the file once'],
    ['vfioctl completion fish > ~/.config/fish/completions/vfioctl.fish', 'write the file once'],
  ],
  run(values, _context, io) {
    const ofUser = shells.find((it) => io.env['SHELL']?.endsWith(`/${it}`))
    io.out(completionScripts[values.shell ?? ofUser ?? 'bash'])
  },
})
export default completion

function parseShell(given: string): Shell {
  const shell = shells.find((it) => it === given)
  if (shell === undefined) throw usageError(`no completion for '${given}': bash, zsh or fish`)
  return shell
}
