import { iommuIoasNoiommuGetPa } from '../../uapi/iommufd.ts'
import { Errno } from '../base/errno.ts'
import type { DmaMapping } from '../memory/dma-mapping.ts'
import type { PhysicalMemory } from '../memory/physical-memory.ts'
import { type Command, command } from './command.ts'
import type { IommufdContext } from './iommufd-context.ts'
import { lastIova, least } from './iova-range.ts'

/** IOMMU_IOAS_NOIOMMU_GET_PA: of what a device without an IOMMU is attached to. */
export function getPhysicalAddress(iommufd: IommufdContext, physical: PhysicalMemory): Command {
  return command(iommuIoasNoiommuGetPa, 40, ({ flags, __reserved, ioas_id, iova, length }, { answer }) => {
    if (flags !== 0 || __reserved !== 0) throw new Errno('EOPNOTSUPP')
    if (length === 0n) throw new Errno('EINVAL')
    if (iova === lastIova) throw new Errno('EOVERFLOW')
    const ioas = iommufd.ioas(ioas_id)
    const mapping = ioas.mappings.lowest(iova, iova)
    if (mapping === null) throw new Errno('ENOENT')
    if (!ioas.isNoiommu) throw new Errno('EOPNOTSUPP')
    const address = (at: bigint) => addressAt(physical, mapping, at)
    const page = BigInt(ioas.pageSize)
    const end = mapping.iova + mapping.size
    const start = address(iova)
    let contiguous = page - (iova % page)
    while (contiguous < length && iova + contiguous < end && address(iova + contiguous) === start + contiguous) {
      contiguous += page
    }
    answer({ out_phys: start, length: [contiguous, length, end - iova].reduce(least) })
  })
}

function addressAt(physical: PhysicalMemory, { iova, memory, offset }: DmaMapping, at: bigint): bigint {
  const { bytes } = memory
  // what is pinned has bytes
  if (bytes === null) throw new Errno('ENOENT')
  return physical.addressOf(bytes.buffer, bytes.byteOffset + Number(offset + at - iova))
}
