import {
  ioasMapFlag,
  iommuIoasAlloc,
  iommuIoasAllowIovas,
  iommuIoasCopy,
  iommuIoasIovaRanges,
  iommuIoasMap,
  iommuIoasMapFile,
  iommuIoasUnmap,
  iommuIovaRange,
  iommufdRequest as requests,
} from '../../uapi/iommufd.ts'
import { decode, encode } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { FdTable } from '../descriptors/fd-table.ts'
import type { OpenFile } from '../descriptors/open-file.ts'
import type { DmaMapping } from '../memory/dma-mapping.ts'
import { MemoryFile } from '../memory/memory.ts'
import { pointerAt, targetOf, UserMemory } from '../memory/user-memory.ts'
import { DmaBufFile } from '../vfio-pci/dma-bufs.ts'
import { type Command, command } from './command.ts'
import type { IommufdContext } from './iommufd-context.ts'
import { type IovaRange, lastIova, overlaps } from './iova-range.ts'

const { IOMMU_IOAS_MAP_FIXED_IOVA, IOMMU_IOAS_MAP_READABLE, IOMMU_IOAS_MAP_WRITEABLE } = ioasMapFlag

/** Commands of iommufd for address spaces. */
export function ioasCommands(iommufd: IommufdContext, fds: FdTable): readonly (readonly [number, Command])[] {
  return [
    [
      requests.IOMMU_IOAS_ALLOC,
      command(iommuIoasAlloc, 12, ({ flags }, { answer }) => {
        if (flags !== 0) throw new Errno('EOPNOTSUPP')
        answer({ out_ioas_id: iommufd.allocateIoas() })
      }),
    ],
    [requests.IOMMU_IOAS_IOVA_RANGES, ranges(iommufd)],
    [requests.IOMMU_IOAS_ALLOW_IOVAS, allow(iommufd)],
    [requests.IOMMU_IOAS_MAP, map(iommufd)],
    [requests.IOMMU_IOAS_MAP_FILE, mapFile(iommufd, fds)],
    [requests.IOMMU_IOAS_COPY, copy(iommufd)],
    [requests.IOMMU_IOAS_UNMAP, unmap(iommufd)],
  ]
}

function ranges(iommufd: IommufdContext): Command {
  return command(iommuIoasIovaRanges, 32, ({ ioas_id, num_iovas, __reserved }, { answer, pointers }) => {
    if (__reserved !== 0) throw new Errno('EOPNOTSUPP')
    const ioas = iommufd.ioas(ioas_id)
    const found = ioas.ranges()
    const bytes = found.slice(0, num_iovas).map(({ first, last }) => encode(iommuIovaRange, { start: first, last }))
    const array = Buffer.concat(bytes)
    targetOf(pointers, iommuIoasIovaRanges.fields.allowed_iovas[0], array.length).set(array)
    answer({ num_iovas: found.length, out_iova_alignment: ioas.alignment })
    if (found.length > num_iovas) throw new Errno('EMSGSIZE')
  })
}

function allow(iommufd: IommufdContext): Command {
  return command(iommuIoasAllowIovas, 24, ({ ioas_id, num_iovas, __reserved }, { pointers }) => {
    if (__reserved !== 0) throw new Errno('EOPNOTSUPP')
    const ioas = iommufd.ioas(ioas_id)
    const { size } = iommuIovaRange
    const array = targetOf(pointers, iommuIoasAllowIovas.fields.allowed_iovas[0], num_iovas * size)
    const allowed: IovaRange[] = []
    for (let index = 0; index < num_iovas; index++) {
      const { start: first, last } = decode(iommuIovaRange, array, index * size)
      if (first >= last || allowed.some((range) => overlaps(range, { first, last }))) throw new Errno('EINVAL')
      allowed.push({ first, last })
    }
    ioas.allow(allowed)
  })
}

function map(iommufd: IommufdContext): Command {
  return command(iommuIoasMap, 40, (values, { answer, pointers }) => {
    const { flags, ioas_id, length, iova, __reserved } = values
    if (__reserved !== 0) throw new Errno('EOPNOTSUPP')
    const access = accessOf(flags, [iova, length])
    const ioas = iommufd.ioas(ioas_id)
    const pointer = pointerAt(pointers, iommuIoasMap.fields.user_va[0])
    const memory = UserMemory.at(pointer, { address: values.user_va, size: length, isWritable: access.write })
    if (memory.address + length > lastIova) throw new Errno('EOVERFLOW')
    const at = ioas.map([{ memory, offset: 0n, size: length }], fixed(flags, iova), access)
    answer({ iova: at })
  })
}

function mapFile(iommufd: IommufdContext, fds: FdTable): Command {
  return command(iommuIoasMapFile, 40, (values, { answer }) => {
    const { flags, ioas_id, fd, start, length, iova } = values
    const access = accessOf(flags, [iova, length])
    const ioas = iommufd.ioas(ioas_id)
    if (length === 0n) throw new Errno('EINVAL')
    if (start + length - 1n > lastIova) throw new Errno('EOVERFLOW')
    const memory = fileMemory(fds.get(fd), { start, length, isWritable: access.write })
    answer({ iova: ioas.map([{ memory, offset: 0n, size: length }], fixed(flags, iova), access) })
  })
}

/**
 * A part of a file as memory. EINVAL if a dma-buf ends before; pages of a file that is none are missing when pinned.
 */
function fileMemory(
  file: OpenFile,
  { start, length, isWritable }: { start: bigint; length: bigint; isWritable: boolean },
): UserMemory {
  const of = { address: start, isWritable, absence: 'EINVAL' as const }
  if (file instanceof DmaBufFile) {
    if (start + length > file.size) throw new Errno('EINVAL')
    const { device, at } = file.attach()
    return new UserMemory({ ...of, bytes: null, peer: { device, at: at + Number(start), isDmaBuf: true } })
  }
  const bytes = file instanceof MemoryFile && start + length <= BigInt(file.bytes.length) ? file.bytes : null
  return new UserMemory({ ...of, bytes: bytes?.subarray(Number(start), Number(start + length)) ?? null, peer: null })
}

function copy(iommufd: IommufdContext): Command {
  return command(iommuIoasCopy, 40, (values, { answer }) => {
    const { flags, dst_ioas_id, src_ioas_id, length, dst_iova, src_iova } = values
    const access = accessOf(flags, [length, src_iova, dst_iova])
    const pieces = iommufd.ioas(src_ioas_id).pieces(src_iova, length)
    answer({ dst_iova: iommufd.ioas(dst_ioas_id).map(pieces, fixed(flags, dst_iova), access) })
  })
}

function unmap(iommufd: IommufdContext): Command {
  return command(iommuIoasUnmap, 24, ({ ioas_id, iova, length }, { answer }) => {
    const ioas = iommufd.ioas(ioas_id)
    if (iova === 0n && length === lastIova) {
      answer({ length: BigInt.asUintN(64, ioas.unmapAll()) })
      return
    }
    if (iova === lastIova || length === lastIova) throw new Errno('EOVERFLOW')
    const unmapped = ioas.unmap(iova, length)
    if (unmapped === 0n) throw new Errno('ENOENT')
    answer({ length: unmapped })
  })
}

/** Access by `flags`. EOPNOTSUPP for an unknown flag, EOVERFLOW for the highest number there is, EINVAL for nothing. */
function accessOf(flags: number, numbers: readonly bigint[]): DmaMapping['access'] {
  const known = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE
  if ((flags & ~known) !== 0) throw new Errno('EOPNOTSUPP')
  if (numbers.includes(lastIova)) throw new Errno('EOVERFLOW')
  const access = { read: (flags & IOMMU_IOAS_MAP_READABLE) !== 0, write: (flags & IOMMU_IOAS_MAP_WRITEABLE) !== 0 }
  if (!access.read && !access.write) throw new Errno('EINVAL')
  return access
}

/** Null if it is to be chosen. */
function fixed(flags: number, iova: bigint): bigint | null {
  return (flags & IOMMU_IOAS_MAP_FIXED_IOVA) === 0 ? null : iova
}
