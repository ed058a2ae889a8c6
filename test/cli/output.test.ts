import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mockHost, program, vfioctl } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** A host's file tree with nothing but a store of definitions. */
function rootWithDefinitions(definitions: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'vfioctl-root-'))
  for (const folder of ['etc/mdevctl.d/0000:3b:00.0', 'sys/bus/mdev/devices', 'sys/class/mdev_bus', 'proc']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const [name, text] of Object.entries(definitions)) {
    writeFileSync(join(root, 'etc/mdevctl.d/0000:3b:00.0', name), text)
  }
  return root
}

const definition = JSON.stringify({ mdev_type: 'nvidia-222', start: 'auto', attrs: [] })

describe('list', () => {
  it('pads its columns, leaves out empty ones, and says - for a single empty cell', () => {
    const run = mockHost()
    run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
    expect(run('list').stdout).toBe(`\
DEVICE                                PARENT  TYPE    NAME                STATE   GROUP  NODE
${uuid}  mtty    mtty-1  Single port serial  active  7      /dev/vfio/7
`)
  })

  it('an empty list says so on stderr, and is an empty array in JSON', () => {
    const run = mockHost()
    expect(run('list')).toEqual({
      status: 0,
      stdout: '',
      stderr: 'no virtual devices; `vfioctl types --mock` shows what can be made\n',
    })
    expect(run('list', '--json')).toEqual({
      status: 0,
      stdout: '{\n  "devices": [],\n  "warnings": []\n}\n',
      stderr: '',
    })
  })

  it('--root lists another tree; what cannot be read there is a warning and the rest is shown', () => {
    const root = rootWithDefinitions({ [uuid]: definition, 'not-a-uuid': definition })
    const { status, stdout, stderr } = vfioctl(['list', '--root', root])
    expect(status).toBe(0)
    expect(stdout).toContain(uuid)
    expect(stderr).toMatch(/^warning: \/etc\/mdevctl\.d\/0000:3b:00\.0\/not-a-uuid .*\n$/)
    const json: unknown = JSON.parse(vfioctl(['list', '--root', root, '--json']).stdout)
    expect(json).toMatchObject({ devices: [{ uuid }], warnings: [{ path: expect.stringContaining('not-a-uuid') }] })
  })
})

describe('types', () => {
  it('shows what vendors hide in their descriptions as columns', () => {
    const { stdout } = mockHost()('types', '-p', '0000:3b:00.0')
    expect(stdout).toContain('nvidia-222  GRID T4-1B   16    1024 MiB     5120x2880   4      vfio-pci\n')
  })

  it('-v adds the descriptions', () => {
    expect(mockHost()('types', '-t', 'nvidia-222', '-v').stdout).toContain('\n    num_heads=4, ')
  })
})

describe('names and texts of others', () => {
  const odd = 'a\u001b[2J\u009b31m\u202eb\u200b\ufdd2c\nROW'
  /** A host whose card, type, texts and settings all have it in them. */
  function oddHost(): string {
    const root = rootWithDefinitions({ [uuid]: '{' })
    const type = `sys/class/mdev_bus/card ${odd}/mdev_supported_types/type ${odd}`
    const files = {
      [`${type}/name`]: odd,
      [`${type}/description`]: odd,
      [`${type}/device_api`]: odd,
      [`${type}/available_instances`]: odd,
      [`etc/mdevctl.d/card ${odd}/${uuid}`]: JSON.stringify({
        mdev_type: 't',
        start: 'auto',
        attrs: [{ [odd]: odd }],
      }),
      [`etc/vfioctl.d/bindings/${odd}.json`]: JSON.stringify({ driver: 'x', vendor: '0x8086', device: '0x1234' }),
    }
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return root
  }
  const root = oddHost()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those that no terminal may be given
  const unseen = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e\ufdd0-\ufddf]/

  it.each([
    'types -v',
    'list -v',
    'restore --timeout 0.1',
    `undefine --dry-run ${uuid}`,
    `apply /${odd}`,
    `start -u ${uuid} --mock=${odd}`,
  ])('%j: no terminal obeys them, and none makes a line', (line) => {
    const words = line.split(' ')
    const { stdout, stderr } = vfioctl([...words, ...(line.includes('--mock') ? [] : ['--root', root])])
    expect(`${stdout}${stderr}`).toContain('a\\x1b[2J')
    expect(`${stdout}${stderr}`).not.toMatch(unseen)
    expect(`${stdout}${stderr}`).not.toMatch(/^ROW/m)
  })

  it('are the same in JSON, without a character that a terminal obeys', () => {
    const { stdout } = vfioctl(['list', '--json', '--root', root])
    expect(stdout).not.toMatch(unseen)
    const json: unknown = JSON.parse(stdout)
    expect(json).toMatchObject({ devices: [{ definition: { attributes: [{ name: odd, value: odd }] } }] })
  })
})

describe('streams', () => {
  it.skipIf(!existsSync('/dev/full'))('what cannot be said keeps nothing from being done, and is the status', () => {
    const run = mockHost()
    const unsaid = (stdout: string, stderr: string, words: string) =>
      spawnSync('bash', ['-c', `"$0" "$1" ${words} >${stdout} 2>${stderr}`, process.execPath, program], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', ...run.env },
      }).status
    expect(unsaid('/dev/null', '/dev/full', `define --mock -u ${uuid} -p mtty -t mtty-1 --auto`)).toBe(1)
    expect(unsaid('/dev/null', '/dev/full', 'restore --mock')).toBe(1)
    expect(run('list', '--active').stdout).toContain(uuid)
    expect(unsaid('/dev/full', join(run.env['XDG_STATE_HOME'] ?? '', 'onMessage'), 'list --mock')).toBe(1)
    expect(readFileSync(join(run.env['XDG_STATE_HOME'] ?? '', 'onMessage'), 'utf8')).toBe(
      'vfioctl: cannot write to stdout: no space left on device (ENOSPC)\n',
    )
  })

  it('a reader that goes away is no failure', () => {
    const definitions = Object.fromEntries(
      Array.from({ length: 2000 }, (_, i) => [`83b8f4f2-509f-382f-3c1e-${String(i).padStart(12, '0')}`, definition]),
    )
    const root = rootWithDefinitions(definitions)
    const script = 'set -o pipefail; "$0" "$1" list --root "$2" 2>&1 | head -n 1'
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, program, root], {
      encoding: 'utf8',
    })
    expect({ status, stderr, lines: stdout.split('\n').length }).toEqual({ status: 0, stderr: '', lines: 2 })
  })

  it('plan has a sign and a colour for each action in a terminal, and words alone elsewhere', () => {
    const run = mockHost()
    run('start', '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001', '-p', 'mtty', '-t', 'mtty-1')
    const file = join(mkdtempSync(join(tmpdir(), 'vfioctl-plan-')), 'spec.yaml')
    const devices = '[{ type: mtty-2, count: 1 }]'
    writeFileSync(file, `version: 1\nparents: [{ parent: mtty, others: remove, devices: ${devices} }]\n`)
    const shown = (more: Readonly<Record<string, string>>) =>
      execFileSync('script', ['-qec', `'${process.execPath}' '${program}' plan --mock '${file}'`, '/dev/null'], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...run.env, ...more },
      })
    const screen = shown({})
    expect(screen).toContain('\u001b[31m- remove ')
    expect(screen).toContain('\u001b[32m+ create ')
    expect(shown({ NO_COLOR: '1' })).toMatch(/^- remove /m)
    expect(run('plan', file).stdout).toMatch(/^remove /m)
  })

  it('a terminal gets bold headings, unless NO_COLOR is set', () => {
    const { env } = mockHost()
    const onTerminal = (more: Readonly<Record<string, string>>) =>
      execFileSync('script', ['-qec', `'${process.execPath}' '${program}' types --mock -p mtty`, '/dev/null'], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env, ...more },
      })
    expect(onTerminal({})).toContain('\u001b[1mPARENT')
    expect(onTerminal({ NO_COLOR: '1' })).not.toContain('\u001b')
  })
})
