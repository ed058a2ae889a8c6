import { execFileSync } from 'node:child_process'
import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Generations } from '../../../../src/mock/state/generations.ts'

test.each([
  ['a pipe', (path: string) => void execFileSync('mkfifo', [path]), 'it is no file'],
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
