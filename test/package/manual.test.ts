import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { commands } from '../../src/cli/command/commands.ts'
import { environmentMeanings } from '../../src/cli/command/environment.ts'
import { installed } from '../debian-packages.ts'

const withoutMan = installed('man-db', 'groff', 'mandoc')
const topics = ['vfioctl-spec.5', 'vfioctl-library.7']

let folder: string
let pages: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfioctl-manual-'))
  execFileSync('tar', ['-xzf', inject('tarball'), '-C', folder])
  pages = join(folder, 'package/dist/man')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** As a page has a text: bold for what is between backticks, and no … as not every terminal has it. */
const onPage = (text: string): string => text.replaceAll('`', '').replaceAll('…', '...')

/** A page as man(1) shows it, and what it warns of. */
function shown(page: string): { text: string; warnings: string } {
  // wide, so that nothing is broken into lines
  const env = { ...process.env, MANWIDTH: '1000', LC_ALL: 'C.UTF-8', MANROFFOPT: '-c' }
  const args = ['--warnings', '--no-hyphenation', '--no-justification', '-P', 'cat', '-l', join(pages, page)]
  const { stdout, stderr } = spawnSync('man', args, { encoding: 'utf8', env })
  return { text: stdout, warnings: stderr }
}

test('there is a page for the program, each command, spec files and the library', () => {
  const wanted = ['vfioctl.1', ...Object.keys(commands).map((it) => `vfioctl-${it}.1`), ...topics].sort()
  expect(readdirSync(pages).sort()).toEqual(wanted)
  // npm installs what is named here, and takes no folder
  expect(manifest.man).toEqual(wanted.map((it) => `./dist/man/${it}`))
})

test.skipIf(withoutMan !== null)(
  'man shows the program’s page without a warning, with each command and exit status',
  () => {
    const { text, warnings } = shown('vfioctl.1')
    expect(warnings).toBe('')
    for (const [name, { summary }] of Object.entries(commands)) {
      expect(text).toContain(`vfioctl-${name}(1)`)
      expect(text).toContain(onPage(summary))
    }
    expect(text).toContain('something would change (--check)')
    for (const name of Object.keys(environmentMeanings)) expect(text).toContain(name)
  },
)

test.skipIf(withoutMan !== null).each(Object.keys(commands))(
  'man shows the page of %s without a warning, with each argument and example',
  async (name) => {
    const command = (await commands[name]?.load())?.default
    const { text, warnings } = shown(`vfioctl-${name}.1`)
    expect(warnings).toBe('')
    for (const [argument, { kind, describe }] of Object.entries(command?.arguments ?? {})) {
      expect(text).toContain(kind === 'flag' || kind === 'option' ? `--${argument}` : argument)
      expect(text).toContain(onPage(describe))
    }
    for (const [line, what] of command?.examples ?? []) {
      expect(text).toContain(line)
      expect(text).toContain(onPage(what))
    }
  },
)

test.skipIf(withoutMan !== null)('mandoc finds nothing wrong with any page, nor man with those of the topics', () => {
  const paths = readdirSync(pages).map((page) => join(pages, page))
  expect(spawnSync('mandoc', ['-T', 'lint', ...paths], { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' })
  for (const topic of topics) expect(shown(topic).warnings).toBe('')
})

test('the library’s page has what the doors export, and what Host does', () => {
  const page = readFileSync(join(pages, 'vfioctl-library.7'), 'utf8')
  for (const name of [
    'openHost(options?)',
    'createMockHost(scenario?, options?)',
    'openDevice(device, options?)',
    'dma',
  ]) {
    expect(page).toContain(`.B ${name}\n`)
  }
})

test.skipIf(withoutMan !== null)('help of the installed package shows its pages', () => {
  const program = join(pages, '../bin/vfioctl.cjs')
  const { status, stdout } = spawnSync(process.execPath, [program, 'help', 'spec'], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('VFIOCTL-SPEC(5)') })
})
