import { expect, test } from 'vitest'
import { splitCommandLine } from '../../../src/cli/arguments/global-options.ts'
import { checkNotMisspelt } from '../../../src/cli/arguments/misspelt-mock.ts'
import { forSameHost } from '../../../src/cli/output/same-host.ts'
import { rightVerb, withKnownWords } from '../../../src/cli/parser/synonyms.ts'
import { runHere, stateFolder } from './run-here.ts'

test.each([
  [{ mock: 'demo', root: null }, 'vfioctl list --mock -d; vfioctl boot install --mock'],
  [{ mock: 'gpu-host', root: null }, 'vfioctl list --mock gpu-host -d; vfioctl boot install --mock gpu-host'],
  [{ mock: 'a b.json', root: null }, "vfioctl list --mock='a b.json' -d; vfioctl boot install --mock='a b.json'"],
  [
    { mock: "o'host.js", root: null },
    "vfioctl list --mock='o'\\''host.js' -d; vfioctl boot install --mock='o'\\''host.js'",
  ],
  [{ mock: null, root: '/mnt' }, 'vfioctl list --root /mnt -d; vfioctl boot install --root /mnt'],
  [{ mock: null, root: null }, 'vfioctl list -d; vfioctl boot install'],
])('a hint names the host that was given: %j', (host, said) => {
  expect(forSameHost('vfioctl list -d; vfioctl boot install', host)).toBe(said)
})

test.each(['gpu-hst', 'gpuhost', 'a40', 'dem', 'blackwel', 'arcpro'])(
  '%s after --mock is a host misspelt',
  async (name) => {
    expect(() => checkNotMisspelt(name)).toThrow(/^no simulated host '.*'; did you mean .*\?$/)
    for (const line of [
      ['list', '--mock', name],
      ['--mock', name, 'list'],
      ['plan', '--mock', name, 'x.yaml'],
    ]) {
      expect(await runHere(line, stateFolder())).toMatchObject({
        status: 3,
        stderr: expect.stringContaining(`no simulated host '${name}'; did you mean`),
      })
    }
  },
)

test.each(['dump', 'list', 'eth2', 'mtty', 'a400', '3b:00.0', 'mainframe.yaml', 'gpus.yaml', 'host', 'reset'])(
  '%s after --mock is a word of its own',
  (word) => {
    expect(() => checkNotMisspelt(word)).not.toThrow()
    expect(splitCommandLine(['list', '--mock', word]).rest).toEqual(['--mock=demo', word])
  },
)

test('a file after --mock is the simulated host, and the command’s own where that needs one', () => {
  const { word, rest, orElse } = splitCommandLine(['apply', '--mock', 'spec.json', '--check'])
  expect({ word, rest, orElse }).toEqual({
    word: 'apply',
    rest: ['--mock=spec.json', '--check'],
    orElse: ['--mock=demo', 'spec.json', '--check'],
  })
})

test('words of other tools lead to the right verb, and those that take away do nothing', () => {
  const line = (...argv: string[]) => withKnownWords(splitCommandLine(argv))
  expect(line('help', 'start')).toMatchObject({ word: 'start', rest: ['--help'] })
  expect(line('-V')).toMatchObject({ word: null, rest: ['--version'] })
  expect(line('ls')).toMatchObject({ word: 'list' })
  expect(line('delete', 'x')).toMatchObject({ word: 'delete' })
  expect(rightVerb('delete')).toContain('undefine')
  expect(rightVerb('toString')).toBeNull()
})

test('what is printed as JSON names the host that was given too', async () => {
  const folder = stateFolder()
  await runHere(['sriov', '--mock', 'gpu-host', '41:00.0', 'all'], folder)
  const { stdout } = await runHere(['doctor', '--mock', 'gpu-host', '--json'], folder)
  const said = [...stdout.matchAll(/vfioctl [a-z-]+ [^"]*/g)].map(([line]) => line)
  expect(said).toContain('vfioctl boot install --mock gpu-host')
  for (const line of said) expect(line).toContain('--mock gpu-host')
})
