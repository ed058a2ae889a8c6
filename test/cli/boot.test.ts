import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program, vfioctl } from './vfioctl.ts'

const units = 'etc/systemd/system'
const paths = [
  '/etc/systemd/system/vfioctl-restore.service',
  '/etc/systemd/system/vfioctl-restore@.service',
  '/etc/systemd/system/vfioctl-restore@.path',
  '/etc/systemd/system/multi-user.target.d/vfioctl-restore.conf',
  '/etc/udev/rules.d/61-vfioctl.rules',
]

function image() {
  const root = mkdtempSync(join(tmpdir(), 'vfioctl-boot-'))
  mkdirSync(join(root, 'sys')) // as the file system of a host that does not run has it, empty
  const run = (...args: string[]) => vfioctl(['boot', ...args, '--root', root])
  return { root, run, read: (path: string) => readFileSync(join(root, path), 'utf8') }
}

function lines(verb: string): string {
  return paths.map((path) => `${verb} ${path}\n`).join('')
}

test('boot install names this Node and this program, once; remove takes all of it away', () => {
  const { root, run, read } = image()
  const dry = run('install', '--dry-run')
  expect(dry).toMatchObject({ status: 0, stderr: '' })
  expect(dry.stdout.match(/^save .*/gm)).toEqual(paths.map((path) => `save ${path}`))
  expect(existsSync(join(root, 'etc'))).toBe(false)
  expect(run('install')).toEqual({ status: 0, stdout: '', stderr: lines('wrote') })
  expect(read(paths[0] ?? '')).toContain(`\nExecStart=${process.execPath} ${program} restore\n`)
  expect(run('install')).toEqual({ status: 0, stdout: '', stderr: 'already installed\n' })
  expect(run('remove')).toEqual({ status: 0, stdout: '', stderr: lines('deleted') })
  expect([readdirSync(join(root, units)), readdirSync(join(root, 'etc/udev/rules.d'))]).toEqual([[], []])
  expect(run('remove')).toEqual({ status: 0, stdout: '', stderr: 'nothing of vfioctl is installed\n' })
})

test('boot install leaves a file of somebody else’s as it is, with exit 1 and what to do', () => {
  const { root, run, read } = image()
  run('install')
  writeFileSync(join(root, paths[4] ?? ''), '# mine\n')
  const { status, stderr } = run('install')
  expect(status).toBe(1)
  expect(stderr).toContain(`${paths[4]} is there and was not written by vfioctl: nothing is changed`)
  expect(read(paths[4] ?? '')).toBe('# mine\n')
})

test('boot as JSON is the library’s change', () => {
  const { run } = image()
  expect(JSON.parse(run('install', '--json').stdout)).toMatchObject({
    changed: true,
    dryRun: false,
    steps: paths.map((path) => ({ action: 'save', path, content: expect.any(String) })),
    notes: [],
  })
})

test('boot install below a root says that it needs /proc, as a chroot may lack it', ({ skip }) => {
  const { root } = image()
  const mapped = process.geteuid?.() === 0 ? [] : ['--map-root-user']
  const inside = (command: string, ...args: string[]) =>
    spawnSync('unshare', ['--mount', ...mapped, 'sh', '-c', `mount -t tmpfs none /proc && ${command}`, ...args], {
      encoding: 'utf8',
    })
  const isolated = inside('true')
  if (isolated.status !== 0) skip(`no mount namespace here: ${isolated.stderr.trim()}`)
  const { status, stderr } = inside('"$0" "$@"', process.execPath, program, 'boot', 'install', '--root', root)
  expect({ status, stderr }).toEqual({
    status: 6,
    stderr:
      `vfioctl: cannot look below ${root} without /proc, which tells where its links lead\n` +
      'hint: mount -t proc proc /proc\n',
  })
})

test('boot can install and remove, and nothing else', () => {
  expect(image().run('now')).toMatchObject({ status: 2, stdout: '' })
})

const hasAnalyzer = spawnSync('systemd-analyze', ['--version']).status === 0

test.skipIf(!hasAnalyzer)(
  'systemd finds no fault in the units, nor much that they could do without (needs systemd-analyze)',
  () => {
    const { root, run } = image()
    run('install')
    const names = ['vfioctl-restore.service', 'vfioctl-restore@.service', 'vfioctl-restore@.path']
    const files = names.map((name) => join(root, units, name))
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], {
      encoding: 'utf8',
    })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    for (const file of files.filter((it) => it.endsWith('.service'))) {
      // of 100
      const judged = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=40', '--no-pager', file])
      expect({ file, status: judged.status }).toEqual({ file, status: 0 })
    }
  },
)
