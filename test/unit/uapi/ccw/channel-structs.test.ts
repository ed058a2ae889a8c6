import { expect, test } from 'vitest'
import { decodeCommandWord } from '../../../../src/uapi/ccw/channel-command.ts'
import { decodeCrw } from '../../../../src/uapi/ccw/channel-report.ts'
import { decodeIrb, encodeIrb } from '../../../../src/uapi/ccw/interruption-response.ts'
import { decodeOrb, encodeOrb } from '../../../../src/uapi/ccw/operation-request.ts'
import { decodeSchib, encodeSchib } from '../../../../src/uapi/ccw/subchannel-information.ts'

function bytes(hex: string): Uint8Array {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex')
}

test('an operation-request block is three words', () => {
  const request = { interruptionParameter: 0x11, key: 3, paths: 0x80, program: 0x7fff_f000 }
  const orb = encodeOrb({ ...request, flags: { format1: true, prefetch: true, idaw64: true, suppressLength: true } })
  expect(Buffer.from(orb).toString('hex')).toBe('0000001130c280807ffff000')
  expect(decodeOrb(orb)).toMatchObject({ ...request, flags: { format1: true, suspend: false, transportMode: false } })
})

test('a command word of format 0 has 24 bits of address, and a transfer nothing else', () => {
  expect(decodeCommandWord(bytes('e4 123456 60 00 0040'), 0)).toMatchObject({
    command: 0xe4,
    address: 0x12_3456,
    count: 0x40,
    flags: { chainCommand: true, suppressLength: true, chainData: false },
  })
  expect(decodeCommandWord(bytes('f8 123456 ff ff ffff'), 0)).toMatchObject({
    command: 0x08,
    count: 0,
    flags: { chainCommand: false },
  })
})

test('an interruption response has the sense that came with it, or none', () => {
  const sense = Uint8Array.of(0x80, 0x01)
  expect(decodeIrb(encodeIrb({ device: { unitCheck: true }, residualCount: 5 }, sense))).toMatchObject({
    device: { unitCheck: true, deviceEnd: false },
    residualCount: 5,
    sense,
  })
  expect(decodeIrb(new Uint8Array(96))).toMatchObject({ sense: null, program: 0 })
})

test('a sense count beyond the bytes there are is cut, and none of QEMU’s is all of them', () => {
  const irb = encodeIrb({}, new Uint8Array(32))
  irb[17] = 0x3f
  expect(decodeIrb(irb).sense).toHaveLength(32)
  // as QEMU 7.2 answered a command that it does not know
  const answered = bytes(
    '04824017 7ffff008 02000000 00000080 01002000 00000000 00000000 00000000 80'.padEnd(96 * 2 + 8, '0'),
  )
  expect(decodeIrb(answered)).toMatchObject({ device: { unitCheck: true }, status: { alert: true } })
  expect(decodeIrb(answered).sense).toEqual(Uint8Array.of(0x80, ...new Uint8Array(31)))
})

test('subchannel information names the paths that are installed', () => {
  const masks = { installed: 0xc0, available: 0x40, operational: 0xff }
  const schib = encodeSchib({ deviceNumber: 0x1234, enabled: true, chpids: [0x40, 0x41, 0x42], masks })
  expect(decodeSchib(schib)).toMatchObject({
    deviceNumber: 0x1234,
    enabled: true,
    paths: [
      { index: 0, chpid: 0x40, logical: false, available: false, operational: true },
      { index: 1, chpid: 0x41, logical: true, available: true, operational: true },
    ],
  })
  expect(decodeSchib(new Uint8Array(52))).toMatchObject({ deviceNumber: null, enabled: false, paths: [] })
})

test('a channel report is of a source, and zero is none', () => {
  expect(decodeCrw(bytes('24020042 00000000'))).toEqual({
    source: 4,
    recovery: 2,
    id: 0x42,
    flags: { solicited: false, overflow: true, chained: false, ancillary: false },
  })
  expect(decodeCrw(new Uint8Array(8))).toBeNull()
})
