import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installed } from '../debian-packages.ts'

const scripts = join(import.meta.dirname, '../../scripts/packages')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfioctl-small-packages-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a package of each kind is made of, as a process with that umask leaves it. */
function makeTree(tree: string): void {
  const files = {
    'usr/bin/vfioctl': '#!/bin/sh\n',
    'usr/lib/systemd/system/vfioctl-restore.service': '[Unit]\n',
    'usr/share/zsh/vendor-completions/_vfioctl': '#compdef vfioctl\n',
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), content, { mode: path.includes('/bin/') ? 0o777 : 0o666 })
  }
}

/** Makes a package of that tree, and returns its path. */
function makeWith(umask: number, script: 'deb' | 'rpm', arch: string): string {
  const into = mkdtempSync(join(folder, 'made-'))
  const before = process.umask(umask)
  try {
    const tree = join(into, 'tree')
    makeTree(tree)
    const request = JSON.stringify({ arch, tree, folder: into, version: '0.1.0', time: 1_790_000_000 })
    const [url, name] = [JSON.stringify(join(scripts, `${script}.mjs`)), script === 'deb' ? 'makeDeb' : 'makeRpm']
    const code = `import { ${name} } from ${url}; console.log(await ${name}(${request}))`
    return execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).trim()
  } finally {
    process.umask(before)
  }
}

describe.each([
  ['deb', 's390x'],
  ['rpm', 'x64'],
] as const)('a package of the kind %s', (kind, arch) => {
  test.for([0o077, 0o002])('is the same, byte for byte, whatever the umask is (%i)', (umask, { skip }) => {
    const reason = installed(kind === 'deb' ? 'dpkg' : 'rpm')
    if (reason !== null) skip(reason)
    const usual = readFileSync(makeWith(0o022, kind, arch))
    expect(readFileSync(makeWith(umask, kind, arch)).equals(usual)).toBe(true)
  })
})

describe('the RPM', () => {
  /** What its scriptlet calls, in a system where systemd and udev are installed and do not run. */
  function callsOf(rpm: string, scriptlet: string, count: number): string[] {
    const script = execFileSync('rpm', ['-qp', '--queryformat', `%{${scriptlet}}`, rpm], { encoding: 'utf8' })
    const bin = mkdtempSync(join(folder, 'bin-'))
    const log = join(bin, 'log')
    for (const name of ['systemctl', 'udevadm']) {
      writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>${log}\nexit 1\n`, { mode: 0o755 })
    }
    writeFileSync(log, '')
    execFileSync('sh', ['-ec', script, scriptlet, String(count)], { env: { PATH: `${bin}:/usr/bin:/bin` } })
    return readFileSync(log, 'utf8').trim().split('\n')
  }

  test('follows the presets, and leaves no link, also in an image where systemd does not run', ({ skip }) => {
    const reason = installed('rpm')
    if (reason !== null) skip(reason)
    const rpm = makeWith(0o022, 'rpm', 'x64')
    const unit = 'vfioctl-restore.service'
    expect(callsOf(rpm, 'POSTIN', 1)).toContain(`systemctl --no-reload preset ${unit}`)
    expect(callsOf(rpm, 'POSTIN', 2)).not.toContain(`systemctl --no-reload preset ${unit}`)
    expect(callsOf(rpm, 'PREUN', 0)).toContain(`systemctl --no-reload disable ${unit}`)
    expect(callsOf(rpm, 'PREUN', 1)).not.toContain(`systemctl --no-reload disable ${unit}`)
  })

  test('needs libraries by the names that each distribution has them by', ({ skip }) => {
    const reason = installed('rpm')
    if (reason !== null) skip(reason)
    const needs = execFileSync('rpm', ['-qp', '--requires', makeWith(0o022, 'rpm', 'x64')], { encoding: 'utf8' })
    const own = needs.split('\n').filter((it) => it !== '' && !/^(rpmlib|\/bin\/sh)/.test(it))
    expect(own.filter((it) => !/^lib[\w+]+\.so\.\d+\([\w.]*\)\(64bit\)$/.test(it))).toEqual([])
    expect(own).toHaveLength(3)
  })
})
