import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeWhole } from '../../../../src/cli/io/write-whole.ts'

function folderWith(content: string): { folder: string; file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-write-whole-'))
  writeFileSync(join(folder, 'card.rom'), content)
  return { folder, file: join(folder, 'card.rom') }
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s amid a dump leaves the old file, and nothing beside it',
  async (signal) => {
    const { folder, file } = folderWith('old')
    const interrupted = new AbortController()
    process.once(signal, () => interrupted.abort())
    let pieces = 0
    function* endless(): Generator<Uint8Array> {
      for (;;) {
        if (++pieces === 3) process.kill(process.pid, signal)
        if (pieces > 1000) return
        yield Buffer.from('new')
      }
    }
    const failure = { code: 'INTERRUPTED', path: file }
    await expect(writeWhole(file, endless(), interrupted.signal)).rejects.toMatchObject(failure)
    expect(readFileSync(file, 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['card.rom'])
  },
)

test('until the last piece is written, the old file is what there is', async () => {
  const { folder, file } = folderWith('old')
  function* pieces(): Generator<Uint8Array> {
    yield Buffer.from('new')
    expect(readFileSync(file, 'utf8')).toBe('old')
    yield Buffer.from('er')
  }
  await writeWhole(file, pieces(), new AbortController().signal)
  expect(readFileSync(file, 'utf8')).toBe('newer')
  expect(readdirSync(folder)).toEqual(['card.rom'])
})
