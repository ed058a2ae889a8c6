import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { commands } from '../../src/cli/command/commands.ts'

const hasMan = spawnSync('man', ['--version']).status === 0

let folder: string
let pages: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfioctl-manual-'))
  execFileSync('tar', ['-xzf', inject('tarball'), '-C', folder])
  pages = join(folder, 'package/dist/man')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Not every terminal has these. */
const inAscii = (text: string): string => text.replaceAll('…', '...')

/** A page as man(1) shows it, and what it warns of. */
function shown(name: string): { text: string; warnings: string } {
  // wide, so that nothing is broken into lines
  const env = { ...process.env, MANWIDTH: '1000', LC_ALL: 'C.UTF-8', MANROFFOPT: '-c' }
  const args = ['--warnings', '--no-hyphenation', '--no-justification', '-P', 'cat', '-l', join(pages, `${name}.1`)]
  const { stdout, stderr } = spawnSync('man', args, { encoding: 'utf8', env })
  return { text: stdout, warnings: stderr }
}

test('there is a page for the program and for each command', () => {
  const wanted = ['vfioctl', ...Object.keys(commands).map((it) => `vfioctl-${it}`)]
  expect(readdirSync(pages).sort()).toEqual(wanted.map((it) => `${it}.1`).sort())
  // npm installs what is named here, and takes no folder
  expect(manifest.man).toEqual(wanted.map((it) => `./dist/man/${it}.1`).sort())
})

test.skipIf(!hasMan)('man shows the program’s page without a warning, with each command and exit status', () => {
  const { text, warnings } = shown('vfioctl')
  expect(warnings).toBe('')
  for (const [name, { summary }] of Object.entries(commands)) {
    expect(text).toContain(`vfioctl-${name}(1)`)
    expect(text).toContain(summary)
  }
  expect(text).toContain('something would change (--check)')
})

test.skipIf(!hasMan).each(Object.keys(commands))(
  'man shows the page of %s without a warning, with each argument and example',
  async (name) => {
    const command = (await commands[name]?.load())?.default
    const { text, warnings } = shown(`vfioctl-${name}`)
    expect(warnings).toBe('')
    for (const [argument, { kind, describe }] of Object.entries(command?.arguments ?? {})) {
      expect(text).toContain(kind === 'flag' || kind === 'option' ? `--${argument}` : argument)
      expect(text).toContain(inAscii(describe))
    }
    for (const [line, what] of command?.examples ?? []) {
      expect(text).toContain(line)
      expect(text).toContain(what)
    }
  },
)
