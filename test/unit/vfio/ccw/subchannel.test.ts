import { describe, expect, test } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { deviceFlag } from '../../../../src/uapi/device.ts'
import { vfioRegionInfo } from '../../../../src/uapi/region.ts'
import { encodeInto } from '../../../../src/uapi/struct.ts'
import { type ChannelCommand, channelProgram } from '../../../../src/vfio/ccw/channel-program.ts'
import type { Subchannel } from '../../../../src/vfio/ccw/subchannel.ts'
import { openDevice } from '../../../../src/vfio/device.ts'
import { answerDevice, FakeKernel } from '../fake-kernel.ts'

/** A kernel that has the first region alone, as before Linux 5.2, and answers each access so. */
function subchannel(transfer: FakeKernel['transfer']): Subchannel {
  const kernel = new FakeKernel()
  kernel.deviceInfo = answerDevice({ flags: deviceFlag.VFIO_DEVICE_FLAGS_CCW, num_regions: 1, num_irqs: 1 })
  kernel.regions.set(0, (bytes) => encodeInto(vfioRegionInfo, bytes, { size: 124n, flags: 3 }))
  kernel.transfer = transfer
  return openDevice(kernel, { group: 5, name: '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001' }).subchannel
}

function failing(errno: string): Subchannel {
  return subchannel(() => {
    throw systemError(errno, 'pwrite')
  })
}

describe('a start', () => {
  test.each([
    ['EBUSY', 'DEVICE_BUSY', 'wait for its interrupt'],
    ['EAGAIN', 'DEVICE_BUSY', 'try again'],
    ['EINVAL', 'INVALID_ARGUMENT', 'addressBits: 31'],
    ['ENODEV', 'NOT_FOUND', 'lscss'],
    ['EACCES', 'NOT_FOUND', 'paths'],
    ['ENOMEM', 'MEMLOCK_EXCEEDED', 'ulimit -l'],
    ['EIO', 'SYSTEM_CALL_FAILED', 'dmesg'],
    ['EOPNOTSUPP', 'NOT_SUPPORTED', 'leave out `prefetch` and `idaw`'],
  ])('that the kernel answers with %s is %s, and says what helps', (errno, code, hint) => {
    expect(() => failing(errno).start({ program: 0n })).toThrow(
      expect.objectContaining({ code, errno, hint: expect.stringContaining(hint) }),
    )
  })

  test.each([
    [{ program: 0x8000_0000n }, 'start: program must be below 2^31'],
    [{ program: 4n }, 'start: program must be a multiple of 8'],
    [{ program: 0n, paths: 256 }, /^start: paths /],
    [{ program: 0n, key: 16 }, /^start: key /],
  ])('with %o is refused, and the kernel is not asked', (request, message) => {
    const calls: number[] = []
    const asked = subchannel((bytes) => calls.push(bytes.length))
    expect(() => asked.start(request)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(() => asked.start(request)).toThrow(message)
    expect(calls).toEqual([])
  })

  test('of which the kernel takes a part is a malformed reply', () => {
    expect(() => subchannel(() => 12).start({ program: 0n })).toThrow(
      expect.objectContaining({ code: 'MALFORMED_REPLY' }),
    )
  })
})

test.each(['halt', 'clear', 'schib', 'nextReport'] as const)('a kernel without a region for %s lacks it', (verb) => {
  expect(() => failing('EIO')[verb]()).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
})

describe('a channel program', () => {
  test('is its commands, eight bytes each, in the order of the channel subsystem', () => {
    const program = channelProgram([
      { command: 'sense-id', address: 0x1234_5678n, count: 0x40, suppressLength: true, chainCommand: true },
      { command: 'transfer', address: 0x1000n },
      { command: 0x02, count: 0xffff, chainData: true, skip: true, interrupt: true, indirect: true, suspend: true },
    ])
    expect(Buffer.from(program).toString('hex')).toBe(
      ['e460004012345678', '0800000000001000', '029effff00000000'].join(''),
    )
  })

  test.each<[readonly ChannelCommand[], string | RegExp]>([
    [[], /1 to 256 commands, not 0/],
    [Array.from({ length: 257 }, () => ({ command: 'no-op' })), /1 to 256 commands, not 257/],
    [[{ command: 256 }], /^channelProgram: 0\.command must be /],
    [[{ command: 'no-op', address: 0x8000_0000n }], 'channelProgram: 0.address must be below 2^31'],
  ])('of %o is refused', (commands, message) => {
    expect(() => channelProgram(commands)).toThrow(message)
  })
})
