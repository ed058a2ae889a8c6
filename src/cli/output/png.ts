import { crc32, deflateSync } from 'node:zlib'
import type { Screenshot } from '../../vfio/features/screenshot.ts'

const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
/** 8 bits a sample; red, green, blue; deflate; the five filters; no interlace. */
const truecolour = [8, 2, 0, 0, 0]

/** A picture as the bytes of a PNG file (ISO/IEC 15948). */
export function png({ width, height, data }: Screenshot): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set(truecolour, 8)
  // each line begins with its filter, here none
  const lines = Buffer.alloc((3 * width + 1) * height)
  for (let y = 0; y < height; y++) {
    lines.set(data.subarray(3 * width * y, 3 * width * (y + 1)), (3 * width + 1) * y + 1)
  }
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, content: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(content.length, 0)
  ends.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)])
}
