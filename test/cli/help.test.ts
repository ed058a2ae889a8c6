import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { installed } from '../debian-packages.ts'
import { onTerminal } from './terminal.ts'
import { program, vfioctl } from './vfioctl.ts'

const withoutMan = installed('man-db', 'groff')
const pages = join(program, '../../man')

describe.skipIf(withoutMan !== null)('help shows the manual’s page by man', () => {
  test.each([
    [[], 'VFIOCTL(1)'],
    [['start'], 'VFIOCTL-START(1)'],
    [['ls'], 'VFIOCTL-LIST(1)'],
    [['spec'], 'VFIOCTL-SPEC(5)'],
  ])('on a terminal: help %j', async (about, title) => {
    const { status, screen } = await onTerminal(['help', ...about], '', { MANPAGER: 'cat', LC_ALL: 'C.UTF-8' })
    expect({ status, screen }).toEqual({ status: 0, screen: expect.stringContaining(title) })
  })

  test.each([
    ['spec', 'VFIOCTL-SPEC(5)'],
    ['library', 'VFIOCTL-LIBRARY(7)'],
  ])('of a topic elsewhere too: %s', (topic, title) => {
    expect(vfioctl(['help', topic])).toMatchObject({ status: 0, stdout: expect.stringContaining(title) })
  })
})

describe('help is the text of --help', () => {
  test.each([[[]], [['start']]])('without a terminal: help %j', (about) => {
    expect(vfioctl(['help', ...about])).toEqual(vfioctl([...about, '--help']))
  })

  test('on a terminal without man', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfioctl-path-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const script = execFileSync('sh', ['-c', 'command -v script'], { encoding: 'utf8' }).trim()
    symlinkSync(script, join(folder, 'script'))
    const { status, screen } = await onTerminal(['help', 'start'], '', { PATH: folder })
    expect({ status, screen }).toEqual({ status: 0, screen: expect.stringContaining('vfioctl start [device]') })
  })

  test('but a topic has none: man is asked for', () => {
    expect(vfioctl(['help', 'spec'], { env: { PATH: '/nowhere' } })).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(
        /no man\(1\) shows vfioctl-spec\(5\) here\nhint: .* the page is \/.*vfioctl-spec\.5\n/,
      ),
    })
  })

  test('and what is no command is unknown', () => {
    expect(vfioctl(['help', 'lits'])).toMatchObject({ status: 2, stderr: expect.stringContaining("mean 'list'") })
  })
})

describe('the examples of vfioctl-spec(5)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-spec-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const characters: Readonly<Record<string, string>> = { e: '\\', '-': '-', '(aq': "'", '(dq': '"' }
  const text = (roff: string) => roff.replace(/\\(\(aq|\(dq|.)/g, (all, name) => characters[name] ?? all)
  const page = readFileSync(join(pages, 'vfioctl-spec.5'), 'utf8')
  const examples = [...page.matchAll(/^\.EX\n(.*?)\.EE\n.*?^\.B vfioctl ([^\n]*)$/gms)].map(
    ([, yaml = '', line = '']) => {
      return { yaml: text(yaml), words: text(line).split(' ') }
    },
  )

  test('are a few', () => expect(examples.length).toBeGreaterThan(3))

  test.each(examples)('vfioctl $words', ({ yaml, words }) => {
    const file = join(folder, words.at(-1) ?? '')
    writeFileSync(file, yaml)
    const env = { XDG_STATE_HOME: mkdtempSync(join(folder, 'state-')) }
    expect(vfioctl([...words.slice(0, -1), file], { env })).toMatchObject({ status: 0 })
    const again = vfioctl(['apply', '--mock', words[2] ?? '', file, '--check'], { env })
    expect(again).toMatchObject({ status: words[0] === 'plan' ? 10 : 0 })
  })
})
