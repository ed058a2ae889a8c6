import fc from 'fast-check'
import {
  vfioDeviceAttachIommufdPt,
  vfioDeviceBindIommufd,
  vfioDeviceDetachIommufdPt,
} from '../../../src/uapi/device.ts'
import {
  iommuDestroy,
  iommufdRequest,
  iommuHwInfo,
  iommuHwptAlloc,
  iommuIoasAlloc,
  iommuIoasAllowIovas,
  iommuIoasCopy,
  iommuIoasIovaRanges,
  iommuIoasMap,
  iommuIoasMapFile,
  iommuIoasUnmap,
  iommuOption,
  iommuVfioIoas,
} from '../../../src/uapi/iommufd.ts'
import { request } from '../../../src/uapi/requests.ts'
import { descriptor, ioctl, iova, length, on, sizes, struct } from './arguments.ts'
import type { Call, Descriptor } from './call.ts'

const iommufd = on(...Array<Descriptor>(15).fill('iommufd'), 'container')
const device = on('device')
/** A device is bound as the first object, and attached to the second. */
const id = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(1, 2, 2, 3) }, fc.constantFrom(4, 5, 0, 99))
const ioas = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(2, 2, 2, 1) }, id)
const boundDevice = fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, id)
const unknown = fc.oneof({ weight: 24, arbitrary: fc.constant(0) }, fc.constantFrom(1, 0x80))

const destroy = ioctl(
  iommufdRequest,
  ['IOMMU_DESTROY'],
  iommufd,
  fc.record({ size: sizes(iommuDestroy.size), id }).map((values) => struct(iommuDestroy, values, values)),
)

const allocate = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_ALLOC'],
  iommufd,
  fc
    .record({ size: sizes(iommuIoasAlloc.size, 8), flags: unknown })
    .map((values) => struct(iommuIoasAlloc, values, values)),
)

const ranges = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_IOVA_RANGES'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasIovaRanges.size),
      ioas_id: ioas,
      num_iovas: fc.nat({ max: 3 }),
      __reserved: unknown,
    })
    .map((values) => struct(iommuIoasIovaRanges, values, { ...values, pages: [{ at: 16, page: 5 }] })),
)

const allow = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_ALLOW_IOVAS'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasAllowIovas.size),
      ioas_id: ioas,
      num_iovas: fc.nat({ max: 2 }),
      __reserved: unknown,
      page: fc.constantFrom(14, 15),
    })
    .map(({ page, ...values }) => struct(iommuIoasAllowIovas, values, { ...values, pages: [{ at: 16, page }] })),
)

const map = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_MAP'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasMap.size),
      flags: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(7, 7, 7, 5, 3) }, fc.constantFrom(1, 0, 6, 6, 2, 8)),
      ioas_id: ioas,
      __reserved: unknown,
      length,
      iova,
      page: fc.nat({ max: 3 }),
    })
    .map(({ page, ...values }) => struct(iommuIoasMap, values, { ...values, pages: [{ at: 16, page }] })),
)

/** Four pages from 0 on, for copies of them to be made. */
const usualMap = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_MAP'],
  on('iommufd'),
  ioas.map((ioas_id) => {
    const { size } = iommuIoasMap
    return struct(iommuIoasMap, { size, flags: 7, ioas_id, length: 0x4000n }, { pages: [{ at: 16, page: 0 }] })
  }),
)

const within = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0n, 0x1000n, 0x2000n, 0x3000n) }, iova)
const beside = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0x8000n, 0x9000n, 0xa000n) }, iova)
const copy = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_COPY'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasCopy.size),
      flags: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(7, 6) }, fc.constantFrom(5, 3, 1, 0, 8)),
      dst_ioas_id: ioas,
      src_ioas_id: ioas,
      length: fc.oneof({ weight: 2, arbitrary: fc.constant(0x1000n) }, length),
      dst_iova: beside,
      src_iova: within,
    })
    .map((values) => struct(iommuIoasCopy, values, values)),
)

const unmap = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_UNMAP'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasUnmap.size),
      ioas_id: ioas,
      iova: fc.oneof(iova, fc.constant(0n)),
      length: fc.oneof(length, fc.constant(0xffff_ffff_ffff_ffffn)),
    })
    .map((values) => struct(iommuIoasUnmap, values, values)),
)

const option = ioctl(
  iommufdRequest,
  ['IOMMU_OPTION'],
  iommufd,
  fc
    .record({
      size: sizes(iommuOption.size),
      option_id: fc.constantFrom(0, 1, 1, 1, 1, 2),
      op: fc.constantFrom(0, 0, 1, 1, 1, 2),
      __reserved: unknown,
      object_id: id,
      val64: fc.constantFrom(0n, 1n, 2n),
    })
    .map((values) => struct(iommuOption, values, values)),
)

const compat = ioctl(
  iommufdRequest,
  ['IOMMU_VFIO_IOAS'],
  iommufd,
  fc
    .record({ size: sizes(iommuVfioIoas.size), ioas_id: ioas, op: fc.constantFrom(0, 1, 2, 3), __reserved: unknown })
    .map((values) => struct(iommuVfioIoas, values, values)),
)

const hwpt = ioctl(
  iommufdRequest,
  ['IOMMU_HWPT_ALLOC'],
  iommufd,
  fc
    .record({
      size: sizes(iommuHwptAlloc.size, 24, 40),
      flags: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 4, 8, 16)),
      dev_id: boundDevice,
      pt_id: ioas,
      __reserved: unknown,
      data_type: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 99)),
    })
    .map((values) => struct(iommuHwptAlloc, values, values)),
)

const mapFile = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_MAP_FILE'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasMapFile.size),
      flags: fc.constantFrom(7, 7, 7, 6, 5, 0, 8),
      ioas_id: ioas,
      start: fc.constantFrom(0n, 0n, 0n, 0x1000n, 0x3000n, 0x4000n, 1n),
      length,
      iova,
      fd: descriptor('memory'),
    })
    .map(({ fd, ...values }) => struct(iommuIoasMapFile, values, { ...values, fds: [{ at: 12, fd }] })),
)

const hardware = ioctl(
  iommufdRequest,
  ['IOMMU_GET_HW_INFO'],
  iommufd,
  fc
    .record({
      size: sizes(iommuHwInfo.size, 36),
      flags: unknown,
      dev_id: boundDevice,
      data_len: fc.constantFrom(24, 24, 24, 0, 8, 40),
    })
    .map((values) => struct(iommuHwInfo, values, { ...values, pages: [{ at: 16, page: 6 }] })),
)

const bind = ioctl(
  request,
  ['VFIO_DEVICE_BIND_IOMMUFD'],
  device,
  fc
    .record({ argsz: sizes(16, 24), flags: unknown, fd: descriptor('iommufd') })
    .map(({ fd, ...values }) => struct(vfioDeviceBindIommufd, values, { size: values.argsz, fds: [{ at: 8, fd }] })),
)

const attach = ioctl(
  request,
  ['VFIO_DEVICE_ATTACH_IOMMUFD_PT'],
  device,
  fc
    .record({ argsz: sizes(vfioDeviceAttachIommufdPt.size, 16), flags: unknown, pt_id: ioas })
    .map((values) => struct(vfioDeviceAttachIommufdPt, values, { size: values.argsz })),
)

const detach = ioctl(
  request,
  ['VFIO_DEVICE_DETACH_IOMMUFD_PT'],
  device,
  fc
    .record({ argsz: sizes(vfioDeviceDetachIommufdPt.size), flags: unknown })
    .map((values) => struct(vfioDeviceDetachIommufdPt, values, { size: values.argsz })),
)

/** Objects of iommufd. */
export const iommufdCalls: readonly fc.Arbitrary<Call>[] = [
  ...[destroy, destroy, allocate, allocate, ranges, allow, option, compat, hwpt, hwpt, hardware, mapFile],
  ...[map, map, map, usualMap, usualMap, usualMap, usualMap, copy, copy, copy, unmap, unmap],
]
/** Devices that come to it by nodes of their own. */
export const bindCalls: readonly fc.Arbitrary<Call>[] = [bind, attach, attach, detach]
