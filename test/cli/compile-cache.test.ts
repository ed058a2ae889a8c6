import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { enableCompileCache } from '../../src/cli/compile-cache.ts'

test.skipIf(process.geteuid?.() !== 0)('as root with another user’s HOME, nothing is left in it', () => {
  const home = mkdtempSync(join(tmpdir(), 'vfioctl-home-'))
  onTestFinished(() => rmSync(home, { recursive: true }))
  chownSync(home, 1234, 1234)
  enableCompileCache({ HOME: home })
  enableCompileCache({ XDG_CACHE_HOME: join(home, '.cache') })
  expect(readdirSync(home)).toEqual([])
})
