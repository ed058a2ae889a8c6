import { createHash } from 'node:crypto'
import { parseUuid, type Uuid } from '../../../base/units.ts'
import type { TypeOfParent } from './mdev-types.ts'

/**
 * The nth name for a device of a type that a file only counts: the same in each run. UUID version 5 (RFC 9562, section
 * 5.5) in a name space of our own.
 */
export function derivedUuid({ parent, type }: TypeOfParent, n: number): Uuid {
  const space = Buffer.from('6b0f6f0c95b04c0f8d1f6a1c3f4f7a11', 'hex')
  const bytes = createHash('sha1').update(space).update(`${parent}/${type}/${n}`).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return parseUuid(bytes.toString('hex'))
}
