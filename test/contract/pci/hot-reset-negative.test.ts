import { describe, expect, type TestContext, test } from 'vitest'
import {
  decodeHotResetInfo,
  encodeHotReset,
  vfioPciDependentDevice,
  vfioPciHotReset,
  vfioPciHotResetInfo,
} from '../../../src/uapi/hot-reset.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encodeInto } from '../../../src/uapi/struct.ts'
import { groupDescriptor } from '../../../src/vfio/group/open-groups.ts'
import { bindDevice, openRawIommufd } from '../address-space/raw-iommufd.ts'
import { openRawPci, type RawDevice } from '../irq/irq-raw.ts'
import { answerOf } from '../kernel-answer.ts'

describe('the calls of a hot reset answer', () => {
  function info({ descriptor }: RawDevice, argsz: number): { result: number | string; bytes: Uint8Array } {
    const bytes = new Uint8Array(Math.max(argsz, vfioPciHotResetInfo.size))
    encodeInto(vfioPciHotResetInfo, bytes, { argsz })
    return { result: answerOf(() => descriptor.ioctl(request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, bytes)), bytes }
  }

  function reset({ descriptor }: RawDevice, bytes: Uint8Array): number | string {
    return answerOf(() => descriptor.ioctl(request.VFIO_DEVICE_PCI_HOT_RESET, bytes))
  }

  /** The group that proves whose the device is; none where it was opened by its own node. */
  function groupFds({ device, kernel }: RawDevice): number[] {
    const node = device.group === null ? null : groupDescriptor(kernel, device.group)
    return node === null ? [] : [node.fd]
  }

  const openShared = (context: TestContext) => openRawPci(context, 'edu-shared-1')

  test('too small a struct with EINVAL, one without room with ENOSPC and their number, one with room', async (context) => {
    const raw = await openShared(context)
    expect(info(raw, 8).result).toBe('EINVAL')
    const none = info(raw, vfioPciHotResetInfo.size)
    expect([none.result, decode(vfioPciHotResetInfo, none.bytes).count]).toEqual(['ENOSPC', 2])
    const one = info(raw, vfioPciHotResetInfo.size + vfioPciDependentDevice.size)
    expect([one.result, decode(vfioPciHotResetInfo, one.bytes).count]).toEqual(['ENOSPC', 2])
    const both = info(raw, vfioPciHotResetInfo.size + 2 * vfioPciDependentDevice.size)
    expect(both.result).toBe(0)
    expect(decodeHotResetInfo(both.bytes).map(({ address }) => address)).toEqual(['0000:02:01.0', '0000:02:02.0'])
  })

  test("a device's own node with the number that it has in its iommufd, and 0 for what is closed beside it", async (context) => {
    const raw = await openRawIommufd(context, 'edu-shared-1')
    const node = raw.openNode()
    bindDevice(raw, node, raw.iommufd)
    const { size } = vfioPciDependentDevice
    const argsz = vfioPciHotResetInfo.size + 2 * size
    const answer = new Uint8Array(argsz)
    encodeInto(vfioPciHotResetInfo, answer, { argsz })
    raw.kernel.ioctl(node, request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, answer)
    const [first, second] = [0, 1].map((nth) =>
      decode(vfioPciDependentDevice, answer, vfioPciHotResetInfo.size + nth * size),
    )
    expect([first?.group_id, second?.group_id]).toEqual([1, 0])
  })

  test('a root bus with ENODEV', async (context) => {
    const raw = await openRawPci(context, 'edu')
    expect(info(raw, 20).result).toBe('ENODEV')
    expect(reset(raw, encodeHotReset(groupFds(raw)))).toBe('ENODEV')
  })

  test('the group, or none where it needs none; and nothing else', async (context) => {
    const raw = await openShared(context)
    const fds = groupFds(raw)
    const [fd] = fds
    if (fd === undefined) {
      expect(reset(raw, encodeHotReset([]))).toBe(0)
      expect(reset(raw, encodeHotReset([raw.descriptor.fd]))).toBe('EINVAL')
    } else {
      expect(reset(raw, encodeHotReset([fd]))).toBe(0)
      expect(reset(raw, encodeHotReset([fd, fd]))).toBe(0)
      expect(reset(raw, encodeHotReset([]))).toBe('EINVAL')
      expect(reset(raw, encodeHotReset([raw.descriptor.fd]))).toBe('EINVAL')
      expect(reset(raw, encodeHotReset([fd, fd, fd]))).toBe('EINVAL')
      expect(reset(raw, encodeHotReset([0x7fff_0000]))).toBe('EBADF')
    }
  })

  test('unknown flags and too small a struct with EINVAL', async (context) => {
    const raw = await openShared(context)
    const good = encodeHotReset(groupFds(raw))
    const flagged = good.slice()
    encodeInto(vfioPciHotReset, flagged, { flags: 1 })
    expect(reset(raw, flagged)).toBe('EINVAL')
    const short = good.slice()
    encodeInto(vfioPciHotReset, short, { argsz: 8 })
    expect(reset(raw, short)).toBe('EINVAL')
    expect(reset(raw, good)).toBe(0)
  })

  test('groups behind a struct whose argsz does not count them as well as those that it counts', async (context) => {
    const raw = await openShared(context)
    const bytes = encodeHotReset(groupFds(raw))
    encodeInto(vfioPciHotReset, bytes, { argsz: vfioPciHotReset.size })
    expect(reset(raw, bytes)).toBe(0)
  })
})
