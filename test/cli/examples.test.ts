import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = join(import.meta.dirname, '../examples')
/** The last line that each says. */
const said: Readonly<Record<string, RegExp>> = {
  'apply-a-spec.mjs': /^2 made, 0 failed, 0 left to do$/,
  'find-groups.mjs': /^group \d+: /,
  'give-memory-to-a-device.mjs': /^4096 bytes at 0x[0-9a-f]+, by type1v2$/,
  'move-a-device.mjs': /^the other one has 0x2a$/,
  'own-device.mjs': /^rung 1 time$/,
  'read-a-register.mjs': /^vendor and device: 0x32534348$/,
  'test-with-a-mock.mjs': /^2 tests passed$/,
  'trace-calls.mjs': /^opened: \d+, closed: \d+, refused or not: true$/,
  'wait-for-an-interrupt.mjs': /^vector 0 came 1 time$/,
  'watch-a-host.mjs': /^appeared: mtty-2 on mtty$/,
}

test('each example is told of here, and is short', () => {
  const files = readdirSync(folder)
  expect(files.sort()).toEqual(Object.keys(said))
  for (const file of files) expect(readFileSync(join(folder, file), 'utf8').split('\n').length, file).toBeLessThan(42)
})

test.each(Object.entries(said))('%s does what it says', (file, line) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, file)], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(line)
})
