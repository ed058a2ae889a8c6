import { kernelOrder } from '../../base/byte-order.ts'
import { failedWith } from '../../base/system-error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import {
  ioasMapFlag,
  iommuDestroy,
  iommufdRequest,
  iommuIoasAlloc,
  iommuIoasIovaRanges,
  iommuIoasMap,
  iommuIoasMapFile,
  iommuIoasNoiommuGetPa,
  iommuIoasUnmap,
  iommuIovaRange,
  iommuOption,
  iommuOptionId,
  iommuOptionOp,
} from '../../uapi/iommufd.ts'
import { decode, encode } from '../../uapi/struct.ts'
import type { DmaAccess, IovaRange, MapRequest } from '../address-space/address-space.ts'
import { orClose } from '../calls/close-in-order.ts'
import { Descriptor } from '../calls/descriptor.ts'
import { attempt, callFailed, type Reason } from '../calls/system-call.ts'
import { nodePermission } from '../group/open-refusals.ts'

const path = '/dev/iommu'
/** As many as IOMMUs have; one with more is asked again. */
const usualRanges = 16
const maxRanges = 65_536
/** Ranges that grow between two calls are asked for again this often. */
const maxCalls = 4

/** An IOAS of iommufd: one translation of addresses. Calls throw the raw system error unless said otherwise. */
export class Ioas {
  readonly iommufd: Descriptor
  readonly id: number
  /**
   * Written anew for each call: as long as it is being made, no other is. Field by field, as `encode` and `decode` take
   * a quarter as long as mapping and unmapping a page.
   */
  readonly #mapStruct: Uint8Array
  readonly #mapFields: DataView
  readonly #unmapStruct: Uint8Array
  readonly #unmapFields: DataView
  #destroyed = false

  constructor(iommufd: Descriptor, id: number) {
    this.iommufd = iommufd
    this.id = id
    this.#mapStruct = encode(iommuIoasMap, { size: iommuIoasMap.size, ioas_id: id })
    this.#mapFields = new DataView(this.#mapStruct.buffer)
    this.#unmapStruct = encode(iommuIoasUnmap, { size: iommuIoasUnmap.size, ioas_id: id })
    this.#unmapFields = new DataView(this.#unmapStruct.buffer)
  }

  /** IOMMU_IOAS_IOVA_RANGES. Throws a VfioError. */
  ranges(): { readonly ranges: readonly IovaRange[]; readonly alignment: bigint } {
    let room = usualRanges
    for (let calls = 1; ; calls++) {
      const array = new Uint8Array(room * iommuIovaRange.size)
      const bytes = encode(iommuIoasIovaRanges, {
        size: iommuIoasIovaRanges.size,
        ioas_id: this.id,
        num_iovas: room,
      })
      const pointer = { offset: iommuIoasIovaRanges.fields.allowed_iovas[0], target: array }
      try {
        this.iommufd.ioctl(iommufdRequest.IOMMU_IOAS_IOVA_RANGES, bytes, [pointer])
      } catch (error) {
        const { num_iovas } = decode(iommuIoasIovaRanges, bytes)
        const more = failedWith(error, 'EMSGSIZE') && num_iovas > room && num_iovas <= maxRanges
        if (!more || calls === maxCalls) throw callFailed('tell the IOVA ranges', error)
        room = num_iovas
        continue
      }
      const { num_iovas, out_iova_alignment } = decode(iommuIoasIovaRanges, bytes)
      const ranges = Array.from({ length: num_iovas }, (_, index) => {
        const { start, last } = decode(iommuIovaRange, array, index * iommuIovaRange.size)
        return { first: start, last }
      })
      return { ranges, alignment: out_iova_alignment }
    }
  }

  /** IOMMU_IOAS_MAP; without `iova` the kernel chooses it. Returns where the memory is. */
  map({ memory, offset, size, access }: Omit<MapRequest, 'iova'>, iova?: bigint): bigint {
    const { fields } = iommuIoasMap
    this.#mapFields.setUint32(fields.flags[0], mapFlags(access, iova), kernelOrder)
    this.#mapFields.setBigUint64(fields.length[0], BigInt(size), kernelOrder)
    this.#mapFields.setBigUint64(fields.iova[0], iova ?? 0n, kernelOrder)
    const pointer = { offset: fields.user_va[0], target: memory, at: offset }
    this.iommufd.ioctl(iommufdRequest.IOMMU_IOAS_MAP, this.#mapStruct, [pointer])
    return this.#mapFields.getBigUint64(fields.iova[0], kernelOrder)
  }

  /** IOMMU_IOAS_MAP_FILE: a dma-buf, from its byte `start` on. */
  mapFile(fd: number, start: number, size: bigint, access: DmaAccess, iova: bigint): void {
    const bytes = encode(iommuIoasMapFile, {
      size: iommuIoasMapFile.size,
      flags: mapFlags(access, iova),
      ioas_id: this.id,
      fd,
      start: BigInt(start),
      length: size,
      iova,
    })
    this.iommufd.ioctl(iommufdRequest.IOMMU_IOAS_MAP_FILE, bytes)
  }

  /** IOMMU_IOAS_UNMAP. Returns the bytes unmapped. */
  unmap(iova: bigint, length: bigint): bigint {
    const { fields } = iommuIoasUnmap
    this.#unmapFields.setBigUint64(fields.iova[0], iova, kernelOrder)
    this.#unmapFields.setBigUint64(fields.length[0], length, kernelOrder)
    this.iommufd.ioctl(iommufdRequest.IOMMU_IOAS_UNMAP, this.#unmapStruct)
    return this.#unmapFields.getBigUint64(fields.length[0], kernelOrder)
  }

  /** IOMMU_IOAS_NOIOMMU_GET_PA: the physical address at `iova`, and how many of the bytes follow it without a gap. */
  physical(iova: bigint, atMost: bigint): { readonly address: bigint; readonly length: bigint } {
    const bytes = encode(iommuIoasNoiommuGetPa, {
      size: iommuIoasNoiommuGetPa.size,
      ioas_id: this.id,
      iova,
      length: atMost,
    })
    this.iommufd.ioctl(iommufdRequest.IOMMU_IOAS_NOIOMMU_GET_PA, bytes)
    const { out_phys, length } = decode(iommuIoasNoiommuGetPa, bytes)
    return { address: out_phys, length }
  }

  /** IOMMU_DESTROY, with what is mapped; then iommufd itself if this was its last. Idempotent. */
  close(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    try {
      const bytes = encode(iommuDestroy, { size: iommuDestroy.size, id: this.id })
      attempt('destroy the address space', () => this.iommufd.ioctl(iommufdRequest.IOMMU_DESTROY, bytes), {
        EBUSY: () => ({ code: 'DEVICE_BUSY', because: 'a device is attached to it' }),
      })
    } finally {
      leave(this.iommufd)
    }
  }
}

function mapFlags(access: DmaAccess, iova: bigint | undefined): number {
  const { IOMMU_IOAS_MAP_FIXED_IOVA, IOMMU_IOAS_MAP_READABLE, IOMMU_IOAS_MAP_WRITEABLE } = ioasMapFlag
  return (
    (iova === undefined ? 0 : IOMMU_IOAS_MAP_FIXED_IOVA) |
    (access === 'w' ? 0 : IOMMU_IOAS_MAP_READABLE) |
    (access === 'r' ? 0 : IOMMU_IOAS_MAP_WRITEABLE)
  )
}

/** One for each kernel: devices can move only between address spaces of the same. */
const opened = new WeakMap<Kernel, { readonly descriptor: Descriptor; users: number }>()

/** The descriptor is the iommufd that this kernel's address spaces have. */
export function isOpenIommufd(kernel: Kernel, fd: number): boolean {
  const there = opened.get(kernel)
  return there !== undefined && there.descriptor.fd === fd
}

/** An iommufd is open already: what is passed is not used beside it. */
export function hasOpenIommufd(kernel: Kernel): boolean {
  return opened.has(kernel)
}

/** Has the next address spaces be of an iommufd that somebody else opened; it is closed with the last of them. */
export function adoptIommufd(descriptor: Descriptor): Ioas {
  opened.set(descriptor.kernel, { descriptor, users: 0 })
  return allocateIoas(descriptor.kernel)
}

/** IOMMU_IOAS_ALLOC. Throws NOT_SUPPORTED if there is no iommufd, PERMISSION_DENIED. */
export function allocateIoas(kernel: Kernel): Ioas {
  const iommufd = enter(kernel)
  return orClose([{ close: () => leave(iommufd) }], () => {
    const bytes = encode(iommuIoasAlloc, { size: iommuIoasAlloc.size })
    attempt('allocate an address space', () => iommufd.ioctl(iommufdRequest.IOMMU_IOAS_ALLOC, bytes))
    return new Ioas(iommufd, decode(iommuIoasAlloc, bytes).out_ioas_id)
  })
}

function enter(kernel: Kernel): Descriptor {
  const there = opened.get(kernel)
  if (there !== undefined) {
    there.users++
    return there.descriptor
  }
  const descriptor = openIommufd(kernel)
  opened.set(kernel, { descriptor, users: 1 })
  return descriptor
}

/** Opens /dev/iommu. Throws NOT_SUPPORTED if there is no iommufd, PERMISSION_DENIED. */
export function openIommufd(kernel: Kernel): Descriptor {
  const notLoaded = (): Reason => ({
    code: 'NOT_SUPPORTED',
    because: 'this kernel has no iommufd, or it is not loaded',
    hint: 'modprobe iommufd',
  })
  const fd = attempt('open iommufd', () => kernel.open(path, 'rw'), {
    ENOENT: notLoaded,
    ENODEV: notLoaded,
    ENXIO: notLoaded,
    ...nodePermission(path),
  })
  return new Descriptor(kernel, fd, 'iommufd')
}

/**
 * IOMMU_OPTION_RLIMIT_MODE: what is mapped counts against the limit of the process that maps it, in place of all
 * processes of its user together. Takes CAP_SYS_RESOURCE, and an iommufd that nothing was made in.
 */
export function countByProcess(iommufd: Descriptor): void {
  const bytes = encode(iommuOption, {
    size: iommuOption.size,
    option_id: iommuOptionId.IOMMU_OPTION_RLIMIT_MODE,
    op: iommuOptionOp.IOMMU_OPTION_OP_SET,
    val64: 1n,
  })
  attempt('count locked memory by process', () => iommufd.ioctl(iommufdRequest.IOMMU_OPTION, bytes), {
    EPERM: () => ({ code: 'PERMISSION_DENIED', because: 'it takes CAP_SYS_RESOURCE', hint: 'run as root' }),
  })
}

function leave(descriptor: Descriptor): void {
  const there = opened.get(descriptor.kernel)
  if (there === undefined || there.descriptor !== descriptor) return
  there.users--
  if (there.users > 0) return
  opened.delete(descriptor.kernel)
  descriptor.close()
}
