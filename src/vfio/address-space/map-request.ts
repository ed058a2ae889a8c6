import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import type { MapRequest } from './address-space.ts'

const mostAddress = 0xffff_ffff_ffff_ffffn

/** Throws INVALID_ARGUMENT for what no IOMMU maps, OUT_OF_RANGE for memory that is not there. */
export function checkMapRequest({ iova, memory, offset, size, access }: MapRequest, pageSize: number): void {
  checkPages('map', iova, BigInt(checkedSize(size)), pageSize)
  if (access !== 'r' && access !== 'w' && access !== 'rw') {
    throw new VfioError('INVALID_ARGUMENT', `'${String(access)}' is no access for a device: 'r', 'w' or 'rw'`)
  }
  checkPart(memory, offset, size, pageSize)
}

/** A part of memory that is whole pages and inside it. */
export function checkPart(memory: Mapping, offset: number, size: number, pageSize: number): void {
  checkedSize(size)
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % pageSize !== 0 || size % pageSize !== 0) {
    throw new VfioError('INVALID_ARGUMENT', `${size} bytes at ${offset} of the memory are not whole pages`, {
      facts: { offset, size, pageSize },
    })
  }
  if (offset + size > memory.length) {
    throw new VfioError('OUT_OF_RANGE', `${size} bytes at ${offset} are not in the memory of ${memory.length} bytes`, {
      facts: { offset, size, length: memory.length },
    })
  }
}

/** Throws INVALID_ARGUMENT where it is not whole pages at an address of 64 bits. */
export function checkPages(verb: 'map' | 'unmap', iova: bigint, size: bigint, pageSize: number): void {
  const page = BigInt(pageSize)
  const isAddress = typeof iova === 'bigint' && iova >= 0n && iova <= mostAddress
  const isSize = typeof size === 'bigint' && size > 0n && size <= mostAddress
  if (isAddress && isSize && iova % page === 0n && size % page === 0n) return
  const what = isAddress && isSize ? `${hex(size)} bytes at ${hex(iova)}` : `${size} bytes at ${iova}`
  throw new VfioError('INVALID_ARGUMENT', `cannot ${verb} ${what}: address and size must be multiples of the page`, {
    facts: { iova: String(iova), size: String(size), pageSize },
  })
}

function checkedSize(size: number): number {
  if (Number.isSafeInteger(size) && size > 0) return size
  throw new VfioError('INVALID_ARGUMENT', `${size} is not a number of bytes to map`, { facts: { size } })
}
