import fc from 'fast-check'
import {
  vfioBitmap,
  vfioIommuType1DirtyBitmap,
  vfioIommuType1DirtyBitmapGet,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
  vfioIommuType1Info,
} from '../../../src/uapi/container.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { descriptor, ioctl, iova, length, on, sizes, struct } from './arguments.ts'
import type { Call, Descriptor } from './call.ts'

const container = on(...Array<Descriptor>(12).fill('container'), 'iommufd', 'group', 'device')

const plain = ioctl(request, ['VFIO_GET_API_VERSION'], container, fc.constant(null))

const ofNumber = ioctl(
  request,
  ['VFIO_CHECK_EXTENSION', 'VFIO_CHECK_EXTENSION', 'VFIO_SET_IOMMU'],
  container,
  fc.constantFrom(0, 1, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 4711),
)

const info = ioctl(
  request,
  ['VFIO_IOMMU_GET_INFO'],
  container,
  fc
    .record({ argsz: sizes(24, 15, 16, 17, 19, 20, 56, 68, 72, 120, 256), flags: fc.constantFrom(0, 1, 0xffff_ffff) })
    .map(({ argsz, flags }) => struct(vfioIommuType1Info, { argsz, flags }, { size: argsz })),
)

const map = ioctl(
  request,
  ['VFIO_IOMMU_MAP_DMA'],
  container,
  fc
    .record({
      argsz: sizes(32),
      flags: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(1, 2, 3, 3) }, fc.constantFrom(0, 4, 5, 7, 8)),
      vaddr: fc.oneof({ weight: 9, arbitrary: fc.constant(0n) }, fc.constantFrom(null, 1n)),
      page: fc.nat({ max: 3 }),
      iova,
      size: length,
    })
    .map(({ argsz, flags, vaddr, page, iova: start, size }) =>
      struct(
        vfioIommuType1DmaMap,
        { argsz, flags, vaddr: vaddr ?? 0n, iova: start, size },
        { size: argsz, pages: vaddr === 0n ? [{ at: 8, page }] : [] },
      ),
    ),
)

/** One bit for each page, where it says how large pages are. */
const bitmap = fc
  .record({
    pgsize: fc.constantFrom(4096n, 4096n, 4096n, 4096n, 4096n, 0n, 8192n),
    size: fc.constantFrom(8n, 8n, 8n, 8n, 8n, 16n, 0n, 7n),
  })
  .map((values) => encode(vfioBitmap, values))
const bitmapPage = 8

const unmap = ioctl(
  request,
  ['VFIO_IOMMU_UNMAP_DMA'],
  container,
  fc
    .record({
      argsz: sizes(24, 48),
      flags: fc.constantFrom(0, 0, 0, 0, 0, 0, 2, 2, 1, 1, 4, 6, 8),
      iova: fc.oneof({ weight: 3, arbitrary: iova }, fc.constant(0n)),
      size: fc.oneof({ weight: 3, arbitrary: length }, fc.constant(0n)),
      tail: bitmap,
    })
    // all, of what range it may be
    .map((values) => (values.flags === 2 && values.iova % 0x2000n === 0n ? { ...values, iova: 0n, size: 0n } : values))
    .map(({ argsz, flags, iova: start, size, tail }) => {
      const asks = flags === 1 ? { tail, pages: [{ at: 40, page: bitmapPage }] } : {}
      const given = flags === 1 && argsz === 24 ? 48 : argsz
      return struct(vfioIommuType1DmaUnmap, { argsz: given, flags, iova: start, size }, { size: given, ...asks })
    }),
)

const dirtyPages = ioctl(
  request,
  ['VFIO_IOMMU_DIRTY_PAGES'],
  container,
  fc
    .record({
      argsz: sizes(48, 7, 8, 24),
      flags: fc.constantFrom(1, 1, 1, 2, 4, 4, 4, 4, 0, 3, 8),
      iova,
      size: length,
      tail: bitmap,
    })
    .map(({ argsz, flags, iova: start, size, tail }) =>
      struct(
        vfioIommuType1DirtyBitmap,
        { argsz, flags },
        {
          size: argsz,
          tail: Buffer.concat([encode(vfioIommuType1DirtyBitmapGet, { iova: start, size }).subarray(0, 16), tail]),
          pages: [{ at: 40, page: bitmapPage }],
        },
      ),
    ),
)

const nothing = ioctl(request, ['VFIO_GROUP_UNSET_CONTAINER'], on('group', 'group', 'container'), fc.constant(null))

const join = ioctl(
  request,
  ['VFIO_GROUP_SET_CONTAINER'],
  on('group', 'group', 'group', 'device'),
  descriptor('container').map((fd) => ({ bytes: '00000000', fds: [{ at: 0, fd }], pages: [] })),
)

const status = ioctl(
  request,
  ['VFIO_GROUP_GET_STATUS'],
  on('group', 'group', 'container', 'device'),
  fc
    .record({ argsz: sizes(8), flags: fc.constantFrom(0, 0xffff_ffff) })
    .map(({ argsz, flags }) =>
      struct(
        { name: 'vfio_group_status', size: 8, fields: { argsz: [0, 'u32'], flags: [4, 'u32'] } },
        { argsz, flags },
        { size: argsz },
      ),
    ),
)

const getDevice: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('get device'),
  on: on('group', 'group', 'group', 'group', 'container'),
  name: fc.constantFrom(
    ...['$mtty', '$mdpy', '$edu', '$mtty', '$mdpy', '$edu', 'nonsense', '', '$edu ', '$mtty x=1'],
    '$edu vf_token=5f000000-0000-4000-8000-00000000000c',
  ),
})

/** Address spaces of a container, and what is mapped in them. */
export const containerCalls: readonly fc.Arbitrary<Call>[] = [
  plain,
  ofNumber,
  info,
  map,
  map,
  map,
  unmap,
  unmap,
  dirtyPages,
  dirtyPages,
]
/** Groups that join and leave a container, and devices that are opened of it. */
export const groupCalls: readonly fc.Arbitrary<Call>[] = [join, join, nothing, status, getDevice, getDevice, ofNumber]
