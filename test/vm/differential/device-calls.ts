import fc from 'fast-check'
import { vfioDeviceInfo } from '../../../src/uapi/device.ts'
import { vfioDeviceGfxPlaneInfo } from '../../../src/uapi/features.ts'
import { vfioPciHotReset, vfioPciHotResetInfo } from '../../../src/uapi/hot-reset.ts'
import { vfioDeviceIoeventfd, vfioIrqInfo } from '../../../src/uapi/irq.ts'
import { vfioRegionInfo } from '../../../src/uapi/region.ts'
import { request } from '../../../src/uapi/requests.ts'
import { descriptor, ioctl, on, sizes, struct } from './arguments.ts'
import type { Call, Descriptor } from './call.ts'
import { featureCalls } from './feature-calls.ts'

const device = on(...Array<Descriptor>(14).fill('device'), 'group', 'container')
const flags = fc.constantFrom(0, 0, 0, 1, 0xffff_ffff)

const reset = ioctl(request, ['VFIO_DEVICE_RESET'], device, fc.constant(null))

const info = ioctl(
  request,
  ['VFIO_DEVICE_GET_INFO'],
  device,
  fc
    .record({ argsz: sizes(vfioDeviceInfo.size, 15, 16, 17, 24, 64), flags })
    .map((values) => struct(vfioDeviceInfo, values, { size: values.argsz })),
)

const regionInfo = ioctl(
  request,
  ['VFIO_DEVICE_GET_REGION_INFO'],
  device,
  fc
    .record({
      argsz: sizes(vfioRegionInfo.size, 48, 256),
      flags,
      index: fc.oneof(fc.nat({ max: 9 }), fc.constantFrom(16, 17, 255, 0xffff_ffff)),
    })
    .map((values) => struct(vfioRegionInfo, values, { size: values.argsz })),
)

const irqInfo = ioctl(
  request,
  ['VFIO_DEVICE_GET_IRQ_INFO'],
  device,
  fc
    .record({ argsz: sizes(vfioIrqInfo.size), flags, index: fc.constantFrom(0, 1, 2, 3, 4, 5, 255, 0xffff_ffff) })
    .map((values) => struct(vfioIrqInfo, values, { size: values.argsz })),
)

const plane = ioctl(
  request,
  ['VFIO_DEVICE_QUERY_GFX_PLANE'],
  device,
  fc
    .record({
      argsz: sizes(vfioDeviceGfxPlaneInfo.size, 32, 48, 56, 59, 60),
      flags: fc.oneof(fc.constantFrom(4, 5), fc.constantFrom(0, 1, 2, 3, 6, 7, 8, 0xffff_ffff)),
      drm_plane_type: fc.constantFrom(1, 1, 0, 2, 3),
    })
    .map((values) => struct(vfioDeviceGfxPlaneInfo, values, { size: values.argsz })),
)

const dmabuf = ioctl(
  request,
  ['VFIO_DEVICE_GET_GFX_DMABUF'],
  device,
  fc.constantFrom('00000000', '01000000').map((bytes) => ({ bytes, fds: [], pages: [] })),
)

const ioeventfd = ioctl(
  request,
  ['VFIO_DEVICE_IOEVENTFD'],
  device,
  fc
    .record({
      argsz: sizes(vfioDeviceIoeventfd.size, 27, 28),
      flags: fc.constantFrom(1, 2, 4, 4, 4, 8, 0, 3, 16),
      region: fc.constantFrom(0n, 0n, 0n, 0n, 1n, 6n, 7n, 9n),
      offset: fc.constantFrom(4n, 4n, 0n, 2n, 0xffffcn, 0x10_0000n),
      data: fc.constantFrom(0n, 5n, 0xffff_ffff_ffff_ffffn),
      fd: descriptor('eventfd'),
    })
    .map(({ region, offset, fd, ...values }) =>
      struct(
        vfioDeviceIoeventfd,
        { ...values, offset: (region << 40n) + offset },
        { size: values.argsz, fds: [{ at: 24, fd }] },
      ),
    ),
)

const hotResetInfo = ioctl(
  request,
  ['VFIO_DEVICE_GET_PCI_HOT_RESET_INFO'],
  device,
  fc
    .record({ argsz: fc.oneof(sizes(vfioPciHotResetInfo.size, 20, 28), fc.constant(20)), flags })
    .map((values) => struct(vfioPciHotResetInfo, values, { size: values.argsz })),
)

const hotReset = ioctl(
  request,
  ['VFIO_DEVICE_PCI_HOT_RESET'],
  device,
  fc
    .record({
      argsz: sizes(16, 12, 20),
      flags: fc.constantFrom(0, 0, 0, 1),
      count: fc.constantFrom(1, 1, 1, 1, 0, 2, 0xffff_ffff),
      fd: descriptor('group'),
    })
    .map(({ fd, ...values }) =>
      struct(vfioPciHotReset, values, { size: values.argsz, tail: new Uint8Array(4), fds: [{ at: 12, fd }] }),
    ),
)

/** Info calls of a device, and calls beyond regions and interrupts. */
export const deviceCalls: readonly fc.Arbitrary<Call>[] = [
  plane,
  info,
  regionInfo,
  regionInfo,
  irqInfo,
  ...featureCalls,
  plane,
  dmabuf,
  ioeventfd,
  hotResetInfo,
  hotReset,
  reset,
]
