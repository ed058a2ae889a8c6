import * as v from 'valibot'
import { address, checked, count, descriptor } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { hex, shown } from '../../base/units.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import type { MapRequest } from './address-space.ts'

const maxAddress = 0xffff_ffff_ffff_ffffn

/** Memory from a kernel's `mmap` or `allocateMemory`, or a device's, mapped; the kernel knows whose it is. */
export const mappedMemory: v.GenericSchema<unknown, Mapping> = v.custom<Mapping>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'length' in value &&
    Number.isSafeInteger(value.length) &&
    'read32' in value &&
    typeof value.read32 === 'function',
  'must be mapped memory',
)

const mapRequest = v.strictObject({
  iova: address,
  memory: mappedMemory,
  dmaBuf: v.optional(v.nullable(descriptor)),
  offset: count,
  size: count,
  access: v.picklist(['r', 'w', 'rw']),
})

/** The request, read once. INVALID_ARGUMENT for what no IOMMU maps, OUT_OF_RANGE for memory that is not there. */
export function checkedMapRequest(request: MapRequest, pageSize: number): Required<MapRequest> {
  const { dmaBuf = null, ...rest } = checked('map', mapRequest, request)
  const { iova, memory, offset, size } = rest
  checkPages('map', iova, BigInt(checkedSize(size)), pageSize)
  checkPart(memory, offset, size, pageSize)
  return { ...rest, dmaBuf }
}

/** A part of memory that is whole pages and inside it. */
export function checkPart(memory: Mapping, offset: number, size: number, pageSize: number): void {
  checked('map', mappedMemory, memory, 'its memory')
  checkedSize(size)
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % pageSize !== 0 || size % pageSize !== 0) {
    throw new VfioError('INVALID_ARGUMENT', `${size} bytes at ${shown(offset)} of the memory are not whole pages`, {
      facts: { size, pageSize },
    })
  }
  if (offset + size > memory.length) {
    throw new VfioError('OUT_OF_RANGE', `${size} bytes at ${offset} are not in the memory of ${memory.length} bytes`, {
      facts: { offset, size, length: memory.length },
    })
  }
}

/** Throws INVALID_ARGUMENT if it is not whole pages at an address of 64 bits. */
export function checkPages(verb: 'map' | 'unmap', iova: bigint, size: bigint, pageSize: number): void {
  const page = BigInt(pageSize)
  const isAddress = typeof iova === 'bigint' && iova >= 0n && iova <= maxAddress
  const isSize = typeof size === 'bigint' && size > 0n && size <= maxAddress
  if (isAddress && isSize && iova % page === 0n && size % page === 0n) return
  const what = isAddress && isSize ? `${hex(size)} bytes at ${hex(iova)}` : `${shown(size)} bytes at ${shown(iova)}`
  throw new VfioError('INVALID_ARGUMENT', `cannot ${verb} ${what}: address and size must be multiples of the page`, {
    facts: { pageSize },
  })
}

function checkedSize(size: number): number {
  if (Number.isSafeInteger(size) && size > 0) return size
  throw new VfioError('INVALID_ARGUMENT', `${shown(size)} is not a number of bytes to map`)
}
