import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { vmScenarioHost } from './vm-scenario-host.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'vfioctl-screenshot-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The header and the pixels of a PNG of 8-bit red, green and blue without filters. */
function decoded(bytes: Buffer): { width: number; height: number; rows: Buffer[] } {
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    chunks.set(bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND'])
  const header = chunks.get('IHDR') ?? Buffer.alloc(13)
  expect([...header.subarray(8)]).toEqual([8, 2, 0, 0, 0])
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const lines = inflateSync(chunks.get('IDAT') ?? Buffer.alloc(0))
  const size = 3 * width + 1
  return { width, height, rows: Array.from({ length: height }, (_, y) => lines.subarray(y * size, (y + 1) * size)) }
}

test('the screen of mdpy is written as a PNG of its gradient, and nothing else is in the folder', () => {
  const run = vmScenarioHost()
  expect(run('start', '-u', uuid, '-p', 'mdpy', '-t', 'mdpy-vga')).toMatchObject({ status: 0 })
  const pictures = folder()
  const { status, stderr } = run('screenshot', uuid, join(pictures, 'screen.png'))
  expect([status, stderr]).toEqual([0, `wrote the screen of ${uuid}, 640x480 pixels, to ${pictures}/screen.png\n`])
  expect(readdirSync(pictures)).toEqual(['screen.png'])
  const { width, height, rows } = decoded(readFileSync(join(pictures, 'screen.png')))
  expect([width, height]).toEqual([640, 480])
  for (const [y, row] of rows.entries()) {
    const expected = Buffer.alloc(3 * 640 + 1, Math.floor((y * 255) / 480))
    expected[0] = 0
    expect(Buffer.compare(row, expected)).toBe(0)
  }
})

test('a display that is off is exit 3, and writes nothing', () => {
  const at = folder()
  const run = vmScenarioHost()
  run('start', '-u', uuid, '-p', 'mbochs', '-t', 'mbochs-small')
  const { status, stderr } = run('screenshot', uuid, join(at, 'screen.png'))
  expect([status, stderr]).toEqual([3, expect.stringContaining('shows nothing: its display is off')])
  expect(existsSync(join(at, 'screen.png'))).toBe(false)
})
