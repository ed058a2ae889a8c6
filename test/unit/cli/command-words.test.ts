import { expect, test } from 'vitest'
import { splitCommandLine } from '../../../src/cli/arguments/global-options.ts'
import { forSameHost } from '../../../src/cli/output/same-host.ts'
import { rightVerb, withKnownWords } from '../../../src/cli/parser/synonyms.ts'

test.each([
  [{ mock: 'demo', root: null }, 'vfioctl list --mock -d; vfioctl boot install'],
  [{ mock: 'gpu-host', root: null }, 'vfioctl list --mock gpu-host -d; vfioctl boot install'],
  [{ mock: "o'host.json", root: null }, "vfioctl list --mock='o'\\''host.json' -d; vfioctl boot install"],
  [{ mock: null, root: '/mnt' }, 'vfioctl list --root /mnt -d; vfioctl boot install'],
  [{ mock: null, root: null }, 'vfioctl list -d; vfioctl boot install'],
])('a hint names the host that was given: %j', (host, said) => {
  expect(forSameHost('vfioctl list -d; vfioctl boot install', host)).toBe(said)
})

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
