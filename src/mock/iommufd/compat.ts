import type { IoctlPointer } from '../../kernel/kernel.ts'
import {
  dmaMapFlag,
  dmaUnmapFlag,
  extension,
  VFIO_API_VERSION,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
} from '../../uapi/container.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { integerArgument, structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { Machine } from '../machine/machine.ts'
import { pointerAt, UserMemory } from '../memory/user-memory.ts'
import { hasNoiommuMode } from '../scenario/loaded-modules.ts'
import { getCompatInfo } from './compat-info.ts'
import type { Ioas } from './ioas.ts'
import type { IommufdContext } from './iommufd-context.ts'
import { lastIova } from './iova-range.ts'

const { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } = dmaMapFlag
const { VFIO_DMA_UNMAP_FLAG_ALL } = dmaUnmapFlag

interface IoctlCall {
  readonly request: number
  readonly argument: IoctlArgument
  readonly pointers: readonly IoctlPointer[]
}

/** The calls of a container on an iommufd: they are about one of its IOASes, which the first group there makes. */
export function containerIoctl(
  iommufd: IommufdContext,
  { request, argument, pointers }: IoctlCall,
  { scenario }: Machine,
): number {
  switch (request) {
    case requests.VFIO_GET_API_VERSION:
      return VFIO_API_VERSION
    case requests.VFIO_CHECK_EXTENSION: {
      const number = integerArgument(argument)
      if (number === extension.VFIO_NOIOMMU_IOMMU) return hasNoiommuMode(scenario) ? 1 : 0
      return checkExtension(iommufd, number)
    }
    case requests.VFIO_SET_IOMMU:
      return setIommu(iommufd, integerArgument(argument))
    case requests.VFIO_IOMMU_GET_INFO:
      return getCompatInfo(argument, () => compat(iommufd))
    case requests.VFIO_IOMMU_MAP_DMA:
      return map(iommufd, argument, pointers)
    case requests.VFIO_IOMMU_UNMAP_DMA:
      return unmap(iommufd, argument)
    default:
      throw new Errno('ENOTTY')
  }
}

/** ENODEV before a group is there. */
function compat(iommufd: IommufdContext): Ioas {
  if (iommufd.compat === null) throw new Errno('ENODEV')
  return iommufd.compat
}

function checkExtension(iommufd: IommufdContext, number: number): number {
  switch (number) {
    case extension.VFIO_TYPE1_IOMMU:
    case extension.VFIO_TYPE1v2_IOMMU:
    case extension.VFIO_UNMAP_ALL:
      return iommufd.isNoiommu ? 0 : 1
    case extension.VFIO_DMA_CC_IOMMU:
      return compat(iommufd).hasPageTables ? 0 : 1
    default:
      return 0
  }
}

/** type1 forbids large pages, so that any range can be unmapped. It may be set again. */
function setIommu(iommufd: IommufdContext, type: number): number {
  if (type === extension.VFIO_NOIOMMU_IOMMU && iommufd.isNoiommu) return 0
  const isType1 = type === extension.VFIO_TYPE1_IOMMU
  if ((!isType1 && type !== extension.VFIO_TYPE1v2_IOMMU) || iommufd.isNoiommu) throw new Errno('EINVAL')
  const ioas = compat(iommufd)
  if (isType1) ioas.forbidLargePages()
  return 0
}

function map(iommufd: IommufdContext, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
  const { values } = structArgument(vfioIommuType1DmaMap, argument, vfioIommuType1DmaMap.size)
  const { flags, iova, size } = values
  if ((flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)) !== 0) throw new Errno('EINVAL')
  const ioas = compat(iommufd)
  const access = { read: (flags & VFIO_DMA_MAP_FLAG_READ) !== 0, write: (flags & VFIO_DMA_MAP_FLAG_WRITE) !== 0 }
  const pointer = pointerAt(pointers, vfioIommuType1DmaMap.fields.vaddr[0])
  const memory = UserMemory.at(pointer, { address: values.vaddr, size, isWritable: access.write })
  if (memory.address + size > lastIova) throw new Errno('EOVERFLOW')
  ioas.map([{ memory, offset: 0n, size }], iova, access)
  return 0
}

function unmap(iommufd: IommufdContext, argument: IoctlArgument): number {
  const { bytes, values } = structArgument(vfioIommuType1DmaUnmap, argument, vfioIommuType1DmaUnmap.size)
  const { flags, iova, size } = values
  if ((flags & ~VFIO_DMA_UNMAP_FLAG_ALL) !== 0) throw new Errno('EINVAL')
  const ioas = compat(iommufd)
  const isAll = (flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0
  if (isAll && (iova !== 0n || size !== 0n)) throw new Errno('EINVAL')
  if (!isAll && !ioas.hasLargePages) for (const edge of [iova + size, iova]) ioas.cut(BigInt.asUintN(64, edge))
  const unmapped = isAll ? ioas.unmapAll() : ioas.unmap(iova, size)
  encodeInto(vfioIommuType1DmaUnmap, bytes, { size: BigInt.asUintN(64, unmapped) })
  return 0
}
