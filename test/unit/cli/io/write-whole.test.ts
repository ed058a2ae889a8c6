import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
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

function namedPipe(): string {
  const path = join(mkdtempSync(join(tmpdir(), 'vfioctl-write-whole-')), 'pipe')
  execFileSync('mkfifo', [path])
  return path
}

test('a pipe that nobody reads is waited for, and a signal ends that', async () => {
  const path = namedPipe()
  const interrupted = new AbortController()
  const written = writeWhole(path, [Buffer.from('new')], interrupted.signal)
  setTimeout(() => interrupted.abort(), 50)
  await expect(written).rejects.toMatchObject({ code: 'INTERRUPTED', path })
})

test('a pipe whose reader is slow gets all, and one whose reader left is an error', async () => {
  const path = namedPipe()
  const bytes = Buffer.alloc(1 << 20, 'x')
  const reader = spawn('sh', ['-c', `sleep 0.2; wc -c < ${path}; head -c 1 ${path} > /dev/null`])
  const counted = once(reader.stdout, 'data')
  const signal = new AbortController().signal
  await writeWhole(path, [bytes], signal)
  expect(String(await counted)).toBe(`${1 << 20}\n`)
  await expect(writeWhole(path, [bytes, bytes], signal)).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    errno: 'EPIPE',
  })
})

test('an empty name is no file', async () => {
  const written = writeWhole('', [Buffer.from('new')], new AbortController().signal)
  await expect(written).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})
