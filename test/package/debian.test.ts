import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

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

describe('dpkg, of a system in a folder', () => {
  const unit = 'vfioctl-restore.service'
  const enabled = `etc/systemd/system/multi-user.target.wants/${unit}`

  function system() {
    const at = mkdtempSync(join(folder, 'system-'))
    for (const path of [
      'var/lib/dpkg/info',
      'var/lib/dpkg/updates',
      'usr/bin',
      'etc',
      'run/vfioctl',
      'var/lib/vfioctl/vgpu-types',
    ]) {
      mkdirSync(join(at, path), { recursive: true })
    }
    writeFileSync(join(at, 'var/lib/dpkg/status'), '')
    const dpkg = (...args: string[]) => {
      const forced = ['script-chrootless', 'depends', 'architecture'].map((it) => `--force-${it}`)
      const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
      return spawnSync('dpkg', [`--root=${at}`, ...forced, ...args], { encoding: 'utf8', env })
    }
    const programs = () => readdirSync(join(at, 'usr/bin')).sort()
    return { at, dpkg, programs }
  }

  /** A package of that name with those programs, each of which says the package's name. */
  function other(name: string, ...programs: string[]): string {
    const content = mkdtempSync(join(folder, 'other-'))
    chmodSync(content, 0o755)
    for (const path of ['DEBIAN', 'usr/bin']) mkdirSync(join(content, path), { recursive: true })
    const fields = { Package: name, Version: '1', Architecture: 'all', Maintainer: 'none <none@localhost>' }
    const lines = Object.entries({ ...fields, Description: name }).map(([key, value]) => `${key}: ${value}\n`)
    writeFileSync(join(content, 'DEBIAN/control'), lines.join(''))
    for (const it of programs) writeFileSync(join(content, 'usr/bin', it), name)
    const file = `${content}.deb`
    execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', content, file])
    return file
  }

  test.skipIf(process.geteuid?.() !== 0)('installs, upgrades, removes and purges it (needs root)', () => {
    const { at, dpkg, programs } = system()
    const own = ['lsmdev', 'mdevctl']
    const given = ['lsmdev', 'lsmdev.distrib', 'mdevctl', 'mdevctl.distrib', 'vfioctl']
    expect(dpkg('-i', other('mdevctl', ...own))).toMatchObject({ status: 0 })
    for (const _upgrade of [false, true]) {
      expect(dpkg('-i', deb)).toMatchObject({ status: 0 })
      expect(programs()).toEqual(given)
      expect(readlinkSync(join(at, enabled))).toMatch(new RegExp(`/systemd/system/${unit}$`))
    }
    mkdirSync(join(at, 'etc/mdevctl.d/mtty'), { recursive: true })
    expect(dpkg('-r', 'vfioctl')).toMatchObject({ status: 0 })
    expect(own.map((it) => readFileSync(join(at, 'usr/bin', it), 'utf8'))).toEqual(['mdevctl', 'mdevctl'])
    expect(programs()).toEqual(own)
    const purged = dpkg('-P', 'vfioctl')
    expect(purged).toMatchObject({ status: 0, stdout: expect.stringContaining('the definitions in ') })
    const left = readdirSync(at, { recursive: true, encoding: 'utf8' }).filter((it) => it.includes('vfioctl'))
    expect(left).toEqual([])
    expect(existsSync(join(at, 'etc/mdevctl.d/mtty'))).toBe(true)
  })

  test.skipIf(process.geteuid?.() !== 0)('gives mdevctl its place back where it cannot unpack it (needs root)', () => {
    const { dpkg, programs } = system()
    expect(dpkg('-i', other('mdevctl', 'mdevctl', 'lsmdev'), other('foreign', 'vfioctl'))).toMatchObject({ status: 0 })
    expect(dpkg('-i', deb)).toMatchObject({ status: 1, stderr: expect.stringContaining('trying to overwrite') })
    expect(programs()).toEqual(['lsmdev', 'mdevctl', 'vfioctl'])
  })
})

test.each([
  ['postinst', 'configure'],
  ['prerm', 'remove'],
  ['prerm', 'upgrade'],
  ['postrm', 'upgrade'],
])('its %s %s is silent where there is neither systemd nor udev', (script, verb) => {
  const env = { PATH: '/nonexistent', DPKG_ROOT: folder }
  const { status, stdout, stderr } = spawnSync('/bin/sh', [join(root, 'DEBIAN', script), verb], {
    encoding: 'utf8',
    env,
  })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
})
