import { vfioInfoCapHeader } from '../../uapi/info-capabilities.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encode, encodeInto } from '../../uapi/struct.ts'
import { iommuInfoFlag, vfioIommuType1Info } from '../../uapi/type1.ts'
import { Errno } from '../errno.ts'
import type { IoctlArgument } from '../open-file.ts'
import { structArgument } from './ioctl-argument.ts'

/** Before cap_offset was appended (5.4). */
const oldInfoSize = 16

/** Every multiple of 4 KiB: no IOMMU stands behind a mediated device to say otherwise. */
const pageSizes = 0xffff_ffff_ffff_f000n
const mostMappings = 65535
/** The bitmap of 2^31 pages. */
const mostDirtyBytes = 2n ** 28n

/** vfio_iommu_type1 with only mediated devices in the container. */
export class Type1Iommu {
  ioctl(request: number, argument: IoctlArgument): number {
    if (request === requests.VFIO_IOMMU_GET_INFO) return this.#getInfo(argument)
    throw new Errno('ENOTTY')
  }

  #getInfo(argument: IoctlArgument): number {
    const { bytes, values } = structArgument(vfioIommuType1Info, argument, oldInfoSize)
    const { size } = vfioIommuType1Info
    const chain = capabilityChain(size)
    const needed = size + chain.length
    const hasRoom = values.argsz >= needed
    if (hasRoom) bytes.set(chain, size)
    const header = encode(vfioIommuType1Info, {
      argsz: hasRoom ? values.argsz : needed,
      flags: iommuInfoFlag.VFIO_IOMMU_INFO_PGSIZES | iommuInfoFlag.VFIO_IOMMU_INFO_CAPS,
      iova_pgsizes: pageSizes,
      cap_offset: hasRoom ? size : 0,
    })
    // cap_offset is the last field the kernel copies out, and only to callers that have it
    bytes.set(header.subarray(0, values.argsz >= 20 ? 20 : oldInfoSize))
    return 0
  }
}

const migrationCapability = {
  name: 'vfio_iommu_type1_info_cap_migration',
  size: 32,
  fields: { flags: [8, 'u32'], pgsize_bitmap: [16, 'u64'], max_dirty_bitmap_size: [24, 'u64'] },
} as const

const dmaAvailCapability = {
  name: 'vfio_iommu_type1_info_dma_avail',
  size: 12,
  fields: { avail: [8, 'u32'] },
} as const

function capabilityChain(at: number): Uint8Array {
  const migration = encode(migrationCapability, {
    flags: 0,
    pgsize_bitmap: 4096n,
    max_dirty_bitmap_size: mostDirtyBytes,
  })
  encodeInto(vfioInfoCapHeader, migration, { id: 2, version: 1, next: at + migration.length })
  const dmaAvail = encode(dmaAvailCapability, { avail: mostMappings })
  encodeInto(vfioInfoCapHeader, dmaAvail, { id: 3, version: 1, next: 0 })
  return Buffer.concat([migration, dmaAvail])
}
