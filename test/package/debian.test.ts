import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const scripts = join(import.meta.dirname, '../../scripts')

let folder: string
/** The Debian package without an executable of its own, as that takes minutes to compress; made twice. */
let deb: string
let again: string
/** Folder with the files that it installs. */
let root: string

function make(into: string): string {
  const args = [join(scripts, 'packages.mjs'), '--arch', 's390x', '--format', 'deb', join(folder, into)]
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1790000000' }
  return execFileSync(process.execPath, args, { encoding: 'utf8', env }).trim().split('\n').at(-1) ?? ''
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfioctl-debian-test-'))
  deb = make('first')
  again = make('second')
  root = join(folder, 'root')
  execFileSync('dpkg-deb', ['-x', deb, root])
  execFileSync('dpkg-deb', ['-e', deb, join(root, 'DEBIAN')])
}, 600_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the package is the same, byte for byte, made a second time', () => {
  expect(readFileSync(again).equals(readFileSync(deb))).toBe(true)
})

test('all in it belongs to root, is of the time told, and can be written by root alone', () => {
  const lines = execFileSync('dpkg-deb', ['-c', deb], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
  const odd = lines
    .trim()
    .split('\n')
    .filter((it) => !/^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x|lrwxrwxrwx) root\/root +\d+ 2026-09-21 14:13 /.test(it))
  expect(odd).toEqual([])
})

test('it has the manual, the completions, the units and the rule, each where it is looked for', () => {
  const shell = ['bash-completion/completions/vfioctl', 'zsh/vendor-completions/_vfioctl']
  const share = [
    'man/man1/vfioctl.1.gz',
    'man/man5/vfioctl-spec.5.gz',
    ...shell,
    'fish/vendor_completions.d/vfioctl.fish',
  ]
  const units = ['systemd/system/vfioctl-restore.service', 'systemd/system/vfioctl-restore@.path']
  const all = [
    ...share.map((it) => `share/${it}`),
    ...units.map((it) => `lib/${it}`),
    'lib/udev/rules.d/61-vfioctl.rules',
  ]
  expect(all.filter((it) => !existsSync(join(root, 'usr', it)))).toEqual([])
  expect(readFileSync(join(root, 'usr/lib/systemd/system/vfioctl-restore.service'), 'utf8')).toContain(
    '\nExecStart=/usr/bin/vfioctl restore\n',
  )
})

test('its programs are vfioctl by three names', () => {
  for (const name of ['vfioctl', 'mdevctl', 'lsmdev']) {
    expect(realpathSync(join(root, 'usr/bin', name))).toBe(
      realpathSync(join(root, 'usr/lib/vfioctl/dist/bin/vfioctl.cjs')),
    )
  }
  const { stdout } = spawnSync(process.execPath, [join(root, 'usr/bin/mdevctl'), '--version'], { encoding: 'utf8' })
  expect(stdout).toMatch(/^mdevctl .* \(vfioctl /)
})

test('its sums are those of its files, and its scripts are shell', () => {
  expect(execFileSync('md5sum', ['--check', '--quiet', 'DEBIAN/md5sums'], { cwd: root, encoding: 'utf8' })).toBe('')
  for (const name of ['preinst', 'postinst', 'prerm', 'postrm']) {
    expect(spawnSync('sh', ['-n', join(root, 'DEBIAN', name)], { encoding: 'utf8' })).toMatchObject({ status: 0 })
  }
  expect(readFileSync(join(root, 'DEBIAN/control'), 'utf8')).toMatch(/^Depends: .*nodejs \(>= 20\.19\)$/m)
})
