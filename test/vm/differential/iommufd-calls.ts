import fc from 'fast-check'
import {
  vfioDeviceAttachIommufdPt,
  vfioDeviceBindIommufd,
  vfioDeviceDetachIommufdPt,
} from '../../../src/uapi/device-iommufd.ts'
import {
  iommuDestroy,
  iommufdRequest,
  iommuHwptAlloc,
  iommuIoasAlloc,
  iommuIoasAllowIovas,
  iommuIoasCopy,
  iommuIoasIovaRanges,
  iommuIoasMap,
  iommuIoasUnmap,
  iommuOption,
  iommuVfioIoas,
} from '../../../src/uapi/iommufd.ts'
import { request } from '../../../src/uapi/requests.ts'
import { descriptor, ioctl, iova, length, on, sizes, struct } from './arguments.ts'
import type { Call } from './call.ts'

const iommufd = on('iommufd', 'iommufd', 'iommufd', 'iommufd', 'iommufd', 'iommufd', 'iommufd', 'container')
const device = on('device')
const id = fc.constantFrom(1, 1, 1, 2, 2, 3, 4, 5, 0, 99)
const unknown = fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 0x80)

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
    .record({ size: sizes(iommuIoasIovaRanges.size), ioas_id: id, num_iovas: fc.nat({ max: 3 }), __reserved: unknown })
    .map((values) => struct(iommuIoasIovaRanges, values, { ...values, pages: [{ at: 16, page: 5 }] })),
)

const allow = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_ALLOW_IOVAS'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasAllowIovas.size),
      ioas_id: id,
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
      flags: fc.constantFrom(7, 7, 7, 7, 5, 3, 1, 0, 6, 6, 2, 8),
      ioas_id: id,
      __reserved: unknown,
      length,
      iova,
      page: fc.nat({ max: 3 }),
    })
    .map(({ page, ...values }) => struct(iommuIoasMap, values, { ...values, pages: [{ at: 16, page }] })),
)

const copy = ioctl(
  iommufdRequest,
  ['IOMMU_IOAS_COPY'],
  iommufd,
  fc
    .record({
      size: sizes(iommuIoasCopy.size),
      flags: fc.constantFrom(7, 7, 7, 5, 3, 1, 0, 6, 8),
      dst_ioas_id: id,
      src_ioas_id: id,
      length,
      dst_iova: iova,
      src_iova: iova,
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
      ioas_id: id,
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
      option_id: fc.constantFrom(0, 1, 1, 2),
      op: fc.constantFrom(0, 1, 2),
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
    .record({ size: sizes(iommuVfioIoas.size), ioas_id: id, op: fc.constantFrom(0, 1, 2, 3), __reserved: unknown })
    .map((values) => struct(iommuVfioIoas, values, values)),
)

const hwpt = ioctl(
  iommufdRequest,
  ['IOMMU_HWPT_ALLOC'],
  iommufd,
  fc
    .record({
      size: sizes(iommuHwptAlloc.size, 24, 40),
      flags: fc.constantFrom(0, 0, 0, 0, 1, 2, 4, 8, 16),
      dev_id: id,
      pt_id: id,
      __reserved: unknown,
      data_type: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 99),
    })
    .map((values) => struct(iommuHwptAlloc, values, values)),
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
    .record({ argsz: sizes(vfioDeviceAttachIommufdPt.size, 16), flags: unknown, pt_id: id })
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
  ...[destroy, destroy, allocate, allocate, ranges, allow, option, compat, hwpt, hwpt],
  ...[map, map, map, copy, unmap, unmap],
]
/** Devices that come to it by nodes of their own. */
export const bindCalls: readonly fc.Arbitrary<Call>[] = [bind, attach, attach, detach]
