import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Generations } from '../../../../src/mock/state/generations.ts'

test.each([
  ['a pipe', (path: string) => void execFileSync('mkfifo', [path]), 'it is not a file'],
  [
    'more than any host has',
    (path: string) => {
      writeFileSync(path, '')
      truncateSync(path, 2 ** 40)
    },
    'it has 1099511627776 bytes',
  ],
])('a state that is %s is said, and not read', (_what, make, why) => {
  const generations = new Generations(mkdtempSync(join(tmpdir(), 'vfioctl-odd-state-')))
  make(generations.path(1))
  const error = { code: 'INVALID_DEFINITION', message: expect.stringContaining(why), hint: 'vfioctl mock reset' }
  expect(() => generations.read()).toThrow(expect.objectContaining(error))
})

test('a state that would not be read back is not written, and the old one stays', () => {
  const generations = new Generations(mkdtempSync(join(tmpdir(), 'vfioctl-odd-state-')))
  expect(generations.commit(0, 'old')).toBe('committed')
  const error = { code: 'OUT_OF_RANGE', message: expect.stringContaining('are not read back') }
  expect(() => generations.commit(1, ' '.repeat(256 * 1024 * 1024 + 1))).toThrow(expect.objectContaining(error))
  expect(generations.read()).toEqual({ number: 1, text: 'old' })
  expect(readdirSync(generations.directory)).toEqual(['state-1.json'])
})
