import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { installed } from '../debian-packages.ts'
import { mockHost, program, vfioctl } from './vfioctl.ts'

const active = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const defined = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'

function hostWithDevices(): ReturnType<typeof mockHost> {
  const run = mockHost()
  run('start', '-u', active, '-p', 'mtty', '-t', 'mtty-1')
  run('define', '-u', defined, '-p', 'mtty', '-t', 'mtty-2')
  return run
}

/** Words that the shell would offer for the last one. */
function offered(words: string, env: Readonly<Record<string, string>> = {}): string[] {
  const { stdout } = vfioctl(['--get-yargs-completions', 'vfioctl', ...words.split(' ')], { env })
  return stdout.split('\n').slice(0, -1)
}

describe('completion offers', () => {
  const { env } = hostWithDevices()

  it.each([
    ['commands', 'st', ['start', 'stop']],
    ['commands and topics, for help', 'help sp', ['spec']],
    ['commands after a global option', '--mock st', ['start', 'stop']],
    ['parents', 'define --mock -p mt', ['mtty']],
    ['parents with colons in their name', 'define --mock -p 0000:3', ['0000:3b:00.0']],
    ['parents after =', 'define --mock --parent=mt', ['--parent=mtty']],
    ['types of the parent that is named', 'define --mock -p mtty -t ', ['mtty-1', 'mtty-2']],
    ['what runs, to stop', 'stop --mock ', [active]],
    ['what does not run, to start', 'start --mock -u ', [defined]],
    ['what is defined, to undefine', 'undefine --mock ', [defined]],
    ['whatever is in a group, for groups', 'groups --mock 0000:3', ['0000:3a:00.0', '0000:3b:00.0']],
    ['drivers, to bind a device to', 'bind --mock 3b:00.0 vfio', ['vfio-pci']],
    ['all devices, to list', 'list --mock ', [active, defined]],
    ['regions', `read --mock ${active} bar`, ['bar0', 'bar1', 'bar2', 'bar3', 'bar4', 'bar5']],
    ['widths', 'read -w ', ['8', '16', '32', '64']],
    [
      'options that are not given yet',
      'undefine --parent mtty --',
      ['--uuid', '--force', '--dry-run', '--mock', '--root', '--json', '--verbose'],
    ],
    ['nothing for a word of an unknown command', 'frob ', []],
    ['nothing where the host cannot be read', 'stop --mock=/nowhere ', []],
  ])('%s', (_what, words, expected) => {
    expect(offered(words, env)).toEqual(expected)
  })

  it('for zsh, values with their descriptions and their colons escaped', () => {
    expect(offered('define --mock -p 0000:3', { ...env, SHELL: 'zsh' })).toEqual([
      expect.stringMatching(/^0000\\:3b\\:00\.0:nvidia-222 /),
    ])
  })
})

const oddHost = mkdtempSync(join(tmpdir(), 'vfioctl-odd-'))
for (const type of ['odd;$(id) *', 'odd\u001b[2J', 'odd\n']) {
  mkdirSync(join(oddHost, 'sys/class/mdev_bus/mtty/mdev_supported_types', type), { recursive: true })
}

describe('completion', () => {
  it('leaves out what a terminal would obey, and what nobody could type', () => {
    expect(offered(`define --root ${oddHost} -p mtty -t `)).toEqual(['odd;$(id) *'])
  })

  it('runs no code: a scenario that is a module is not loaded', () => {
    const scenario = join(oddHost, 'scenario.cjs')
    writeFileSync(scenario, `require('node:fs').writeFileSync(${JSON.stringify(`${scenario}.ran`)}, '')`)
    expect(offered(`start --mock ${scenario} `)).toEqual([])
    expect(existsSync(`${scenario}.ran`)).toBe(false)
  })
})

const { env: devices } = hostWithDevices()
const folder = mkdtempSync(join(tmpdir(), 'vfioctl-bin-'))
symlinkSync(program, join(folder, 'vfioctl'))

function shell(name: string, args: readonly string[]): { stdout: string; stderr: string } {
  const env = { ...process.env, ...devices, TERM: 'dumb', PATH: `${folder}:${process.env['PATH']}` }
  const { stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', env, timeout: 25_000 })
  return { stdout, stderr }
}

describe('the script, in bash', () => {
  it.each([
    ['completes commands', 'vfioctl undef', 'undefine'],
    ['completes UUIDs', 'vfioctl --mock stop ', active],
    ['keeps a PCI address whole', 'vfioctl --mock types -p 0000:3b', '0000:3b:00.0'],
    ['quotes what a shell would run', `vfioctl --root ${oddHost} define -p mtty -t odd`, 'odd\\;\\$\\(id\\)\\ \\*'],
    ['goes on in double quotes', `vfioctl --root ${oddHost} define -p mtty -t "odd`, 'odd;\\$(id) *'],
    ['goes on in single quotes', `vfioctl --root ${oddHost} define -p mtty -t 'odd`, 'odd;$(id) *'],
    ['takes a word as it was quoted', `vfioctl --root ${oddHost} define -p mtty -t odd\\;`, 'odd\\;\\$\\(id\\)\\ \\*'],
  ])('%s', (_what, line, expected) => {
    const script = `
      source <(vfioctl completion bash)
      read -r -a COMP_WORDS <<< "$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _vfioctl_yargs_completions
      [[ $COMP_WORDBREAKS == *[:=]* ]] && echo 'words break at : or ='
      printf '%s\\n' "\${COMPREPLY[@]}"`
    expect(shell('bash', ['-c', script, 'bash', line])).toEqual({ stdout: `${expected}\n`, stderr: '' })
  })
})

const withoutShells = installed('zsh', 'fish')

describe.skipIf(withoutShells !== null)('the script, in zsh', () => {
  // What stands on the line after TAB, in a zsh on a terminal of its own: ^X shows it between < and >.
  const script = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'autoload -Uz compinit; compinit -u -D; source <(vfioctl completion zsh)'
    zpty -w shell 'show() { print -r -- "<$BUFFER>" }; zle -N show; bindkey "^X" show; print -r READ"Y"'
    zpty -r shell out '*READY*'
    zpty -w -n shell "$1"$'\\t\\x18'
    zpty -r shell out '*<*>*'
    print -r -- "\${(S)\${out##*<}%%>*}"`

  it.each([
    ['completes commands', 'vfioctl undef', 'vfioctl undefine '],
    ['completes UUIDs', 'vfioctl --mock stop ', `vfioctl --mock stop ${active} `],
    ['keeps a PCI address whole', 'vfioctl --mock types -p 0000:3b', 'vfioctl --mock types -p 0000:3b:00.0 '],
    [
      'quotes what a shell would run',
      `vfioctl --root ${oddHost} define -p mtty -t odd`,
      `vfioctl --root ${oddHost} define -p mtty -t odd\\;\\$\\(id\\)\\ \\* `,
    ],
  ])('%s', (_what, line, expected) => {
    expect(shell('zsh', ['-f', '-c', script, 'zsh', line])).toEqual({ stdout: `${expected}\n`, stderr: '' })
  })
})

describe.skipIf(withoutShells !== null)('the script, in fish', () => {
  it.each([
    ['completes commands, with what they do', 'vfioctl undef', 'undefine\tDelete a stored definition'],
    ['completes what help is about', 'vfioctl help libr', 'library\tvfioctl-library(7)'],
    ['completes UUIDs', 'vfioctl --mock stop ', `${active}\tmtty-1 on mtty`],
    ['keeps a PCI address whole', 'vfioctl --mock groups 0000:3b', '0000:3b:00.0\tnvidia'],
    ['completes after =', 'vfioctl --mock define --parent=mt', '--parent=mtty\tmtty-1 mtty-2'],
    ['takes a word as it was quoted', `vfioctl --root ${oddHost} define -p mtty -t 'odd;`, 'odd;$(id) *'],
    ['leaves files to fish', `vfioctl plan ${oddHost}/sy`, `${oddHost}/sys/`],
  ])('%s', (_what, line, expected) => {
    const script = 'source (vfioctl completion fish | psub); complete -C $argv[1]'
    expect(shell('fish', ['-N', '-c', script, line])).toEqual({ stdout: `${expected}\n`, stderr: '' })
  })
})
