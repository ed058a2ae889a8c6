import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { environmentMeanings } from '../../src/cli/command/environment.ts'
import { exitMeanings } from '../../src/cli/command/exit-codes.ts'
import { scenarioNames } from '../../src/mock/shipped/names.ts'
import { codeBlocks, readme } from '../readme.ts'

/** Runs an example as a module, with the package's doors taken from src/. What it logs comes back. */
async function runExample(code: string, name: string): Promise<string[]> {
  const folder = join(import.meta.dirname, '.readme')
  mkdirSync(folder, { recursive: true })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, `${name}.ts`)
  const doors = code
    .replaceAll("'vfioctl/mock'", "'../../../src/mock.ts'")
    .replaceAll("'vfioctl'", "'../../../src/index.ts'")
  writeFileSync(file, doors)
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  await import(file)
  return log.mock.calls.map((line) => format(...line))
}

describe('what the README shows', () => {
  const [library = '', channelProgram = ''] = codeBlocks('ts')

  test('the library example reads the device’s id, gets its bytes back and its interrupt', async () => {
    const said = await runExample(library, 'library')
    expect(said).toEqual(['32534348', 'hello', '{ vector: 0, count: 1 }'])
  })

  test('the channel program is carried out, and says what the device is', async () => {
    expect(await runExample(channelProgram, 'channel-program')).toEqual(['true', 'ff3990e933900c'])
  })

  test('the simulated hosts that ship are all named', () => {
    const [sentence = ''] = /The package ships the hosts [^.]*\./.exec(readme) ?? []
    expect([...sentence.matchAll(/`([\w-]+)`/g)].map(([, name]) => name)).toEqual(Object.keys(scenarioNames))
  })

  test('each environment variable that src reads is named, here and in the manual', () => {
    const source = join(import.meta.dirname, '../../src')
    const read = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file !== 'cli/command/environment.ts')
      .map((file) => readFileSync(join(source, file), 'utf8'))
      .flatMap((text) => [...text.matchAll(/'((?:VFIOCTL|XDG|MDEVCTL_ENV)_[A-Z_]+)'/g)].map(([, name = '']) => name))
    expect(read.length).toBeGreaterThan(7)
    const lacking = [...new Set(read)].filter((name) => !Object.hasOwn(environmentMeanings, name))
    expect(lacking).toEqual([])
    for (const name of Object.keys(environmentMeanings)) expect(readme).toContain(name)
  })

  test('the table of exit statuses is the one in the code', () => {
    const rows = [...readme.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, status, meaning]) => [status, meaning])
    expect(Object.fromEntries(rows)).toEqual(exitMeanings)
  })
})
