import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const script = join(import.meta.dirname, '../../scripts/single.mjs')

let folder: string
let executable: string
let again: string
/** A host's file tree, with a card that offers mediated devices. */
let host: string

function make(into: string): string {
  const args = [script, '--arch', process.arch, join(folder, into)]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfioctl-single-test-'))
  executable = make('first')
  host = join(folder, 'host')
  const fakeHost = join(script, '../bench/fake-host.mjs')
  const code = `import { makeFakeHost } from ${JSON.stringify(fakeHost)}; makeFakeHost(${JSON.stringify(host)}, 1)`
  execFileSync(process.execPath, ['--input-type=module', '-e', code])
  again = make('second')
}, 600_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the executable, or a link to it, where nothing else can be found: no Node, no shell, no home. */
function run(args: readonly string[], { program = executable, env = {} } = {}) {
  const surroundings = { PATH: '/nonexistent', XDG_STATE_HOME: join(folder, 'state'), ...env }
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env: surroundings })
  if (error !== undefined) throw error
  return { status: status ?? signal, stdout, stderr }
}

test('the executable is the same, byte for byte, made a second time', () => {
  expect(readFileSync(again).equals(readFileSync(executable))).toBe(true)
})

test('it needs of the host what Node’s own executable needs: glibc 2.28 and the C++ library of that time', () => {
  const versions = execFileSync('readelf', ['-VW', executable], { encoding: 'utf8' })
  const newest = (library: string) =>
    Array.from(versions.matchAll(new RegExp(`Name: ${library}_([\\d.]+)`, 'g')), ([, version = '']) => version)
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .at(-1)
  expect([newest('GLIBC'), newest('GLIBCXX')]).toEqual(['2.28', '3.4.21'])
  const dynamic = execFileSync('readelf', ['-dW', executable], { encoding: 'utf8' })
  const libraries = [...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, library = '']) => library)
  expect(libraries.filter((it) => !/^(lib(dl|m|c|pthread|gcc_s|stdc\+\+)|ld-linux[\w-]*)\.so\.\d$/.test(it))).toEqual(
    [],
  )
})

describe('without Node on the host', () => {
  const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

  test('the main job runs on the simulated host, the addon included', () => {
    const define = ['define', '--mock', '-u', uuid, '-p', '3b:00.0', '-t', 'GRID T4-4Q', '--auto']
    expect(run(define)).toMatchObject({ status: 0 })
    expect(run(['start', '--mock', uuid])).toMatchObject({ status: 0 })
    expect(run(['list', '--mock', '--json']).stdout).toContain(uuid)
    expect(run(['read', '--mock', uuid, 'config', 'vendor_id']).stdout).toBe('0x00000000: 0x10de\n')
    expect(run(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(run(['--help']).stdout).toContain('vfioctl list')
    expect(run(['list', '--mokc'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--mokc') })
  })

  test('a definition is stored under the lock that the addon takes', () => {
    const args = ['define', '--root', host, '-u', uuid, '-p', '3b:00.0', '-t', 'nvidia-222', '--manual']
    expect(run(args)).toMatchObject({ status: 0 })
    const kept = JSON.parse(readFileSync(join(host, 'etc/mdevctl.d/0000:3b:00.0', uuid), 'utf8'))
    expect(kept).toMatchObject({ mdev_type: 'nvidia-222' })
  })

  test('it is mdevctl and lsmdev by those names', () => {
    for (const name of ['mdevctl', 'lsmdev']) symlinkSync(executable, join(folder, name))
    expect(run(['--version'], { program: join(folder, 'mdevctl') }).stdout).toMatch(/^mdevctl .* \(vfioctl /)
    expect(run(['types'], { program: join(folder, 'mdevctl') }).stderr).not.toContain('hint')
    expect(run(['--help'], { program: join(folder, 'lsmdev') }).stdout).toContain('lsmdev')
  })

  test.each(['bash', 'zsh'])('it prints the completion of %s, and completes', (shell) => {
    expect(run(['completion', shell]).stdout).toContain('vfioctl')
    expect(run(['--get-yargs-completions', 'vfioctl', 'lis']).stdout).toContain('list')
  })

  test('units name the executable alone, by its own path', () => {
    const root = mkdtempSync(join(folder, 'image-'))
    mkdirSync(join(root, 'sys'))
    mkdirSync(join(root, 'usr/bin'), { recursive: true })
    const program = join(root, 'usr/bin/vfioctl')
    linkSync(executable, program)
    expect(run(['boot', 'install', '--root', root], { program })).toMatchObject({ status: 0 })
    const unit = readFileSync(join(root, 'etc/systemd/system/vfioctl-restore.service'), 'utf8')
    expect(unit).toContain('\nRequiresMountsFor=/usr/bin/vfioctl\n')
    expect(unit).toContain('\nExecStart=/usr/bin/vfioctl restore\n')
  })

  test('what Node takes from the environment changes nothing', () => {
    expect(run(['--version'], { env: { NODE_OPTIONS: '--no-such-option' } })).toMatchObject({ status: 0, stderr: '' })
  })
})

test('nothing is written for it to run: all is read-only, or takes no programs', ({ skip }) => {
  const inside = (command: string) => {
    const mapped = process.geteuid?.() === 0 ? [] : ['--map-root-user']
    const env = { ...process.env, TMPDIR: '/dev/shm', HOME: '/nonexistent' }
    return spawnSync('unshare', ['--mount', ...mapped, 'sh', '-c', command], { encoding: 'utf8', env })
  }
  const isolated = inside('mount -t tmpfs none /mnt')
  if (isolated.status !== 0) skip(`no mount namespace here: ${isolated.stderr.trim()}`)
  const define = `define --root /mnt/host -u 83b8f4f2-509f-382f-3c1e-e6bfe0fa1002 -p 3b:00.0 -t nvidia-222 --manual`
  const steps = [
    // what has to be written, on a file system that takes no programs
    'mount -t tmpfs -o noexec none /mnt',
    `cp -a ${host} /mnt/host`,
    'mount -t tmpfs -o noexec none /dev/shm',
    `mkdir /mnt/bin && touch /mnt/bin/vfioctl && mount --bind ${executable} /mnt/bin/vfioctl`,
    'for it in /tmp /var/tmp /run; do mount -t tmpfs -o ro,noexec none $it; done',
    'for it in /usr /; do mount --bind $it $it && mount -o remount,bind,ro $it; done',
    `/mnt/bin/vfioctl ${define}`,
  ]
  const { status, stderr } = inside(steps.join(' && '))
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/^defined /) })
})

test('it keeps its own files away from the places of stdin, stdout and stderr, if all of them are closed', async () => {
  const closed = 'exec "$0" "$@" <&- >&- 2>&-'
  const { pid, kill } = startInShell(closed, ['watch', '--mock'])
  try {
    await expect
      .poll(() => [0, 1, 2].map((fd) => descriptorOf(pid, fd)), { timeout: 20_000 })
      .toEqual(['/dev/null', '/dev/null', '/dev/null'])
  } finally {
    kill()
  }
})

/** Runs the executable by a shell's command, which has it as `$0`. */
function startInShell(command: string, args: readonly string[]) {
  const child = spawn('bash', ['-c', command, executable, ...args], { stdio: 'ignore' })
  return { pid: child.pid ?? 0, kill: () => child.kill('SIGKILL') }
}

/** The path behind a descriptor of the executable's; null where there is none yet. */
function descriptorOf(pid: number, fd: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === executable ? readlinkSync(`/proc/${pid}/fd/${fd}`) : null
  } catch {
    return null
  }
}

describe('an executable that is damaged', () => {
  function cut(bytes: number): string {
    const file = join(folder, `short-${bytes}`)
    copyFileSync(executable, file)
    truncateSync(file, statSync(file).size - bytes)
    return file
  }

  test.each([
    ['by less than a page', 100],
    ['by some pages', 70_000],
    ['by most of what is not Node’s', 2_000_000],
  ])('and cut short %s says so, before it does anything', (_how, bytes) => {
    const { status, stdout, stderr } = spawnSync(cut(bytes), ['list', '--mock'], { encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr: 'vfioctl: this executable is cut short: install it again\n',
    })
  })

  test('and cut short in Node’s own part is ended by the kernel, before it does anything', () => {
    const half = statSync(executable).size / 2
    const { signal, stdout } = spawnSync(cut(Math.floor(half)), ['list', '--mock'], { encoding: 'utf8' })
    expect({ signal, stdout }).toEqual({ signal: expect.stringMatching(/^SIG(BUS|SEGV)$/), stdout: '' })
  })

  test('or is for another processor is refused by the kernel, which says no more than “Exec format error”', () => {
    const file = join(folder, 'foreign')
    const header = readFileSync(executable).subarray(0, 4096)
    header.writeUInt16LE(process.arch === 'x64' ? 22 : 62, 18)
    writeFileSync(file, header, { mode: 0o755 })
    const { status, stderr } = spawnSync('bash', ['-c', file], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 126, stderr: expect.stringContaining('Exec format error') })
  })
})
