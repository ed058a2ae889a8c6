import { VfioError } from '../../base/errors.ts'
import { counted, formatSize, hex } from '../../base/units.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import type { AddressSpace, MapRequest } from '../address-space/address-space.ts'
import type { IovaRequest } from '../iova/iova-allocator.ts'
import type { DmaIndex } from './dma-index.ts'

/**
 * The memory that is in buffers of an address space without an IOMMU: it stays where it is for as long as it is in one.
 */
export class PhysicalMemory {
  readonly #space: AddressSpace
  readonly #users = new Map<Mapping, number>()

  constructor(space: AddressSpace) {
    this.#space = space
  }

  /** Throws what `physicalAddress` does. */
  take(part: Omit<MapRequest, 'iova'>, buffers: DmaIndex, where: Wishes): bigint {
    const { memory } = part
    this.#users.set(memory, (this.#users.get(memory) ?? 0) + 1)
    try {
      return physicalAddress(this.#space, buffers, part, where)
    } catch (error) {
      this.leave(memory)
      throw error
    }
  }

  leave(memory: Mapping): void {
    const left = (this.#users.get(memory) ?? 0) - 1
    if (left > 0) {
      this.#users.set(memory, left)
      return
    }
    this.#users.delete(memory)
    this.#space.releasePages(memory)
  }
}

type Wishes = Pick<IovaRequest, 'iova' | 'addressBits'>

/**
 * The address at which a device without an IOMMU finds this memory, which must lie in one piece. Throws NOT_SUPPORTED
 * if it does not, if the device does not reach it and for a wished address; IOVA_IN_USE if it is a buffer
 * already.
 */
function physicalAddress(
  space: AddressSpace,
  buffers: DmaIndex,
  { memory, offset, size }: Omit<MapRequest, 'iova'>,
  { iova: wished, addressBits = 64 }: Wishes,
): bigint {
  if (wished !== undefined) {
    throw new VfioError('NOT_SUPPORTED', `memory cannot be had at ${hex(wished)}: without an IOMMU, it is where it is`)
  }
  const pages = space.physicalPages(memory, offset, size)
  const [first] = pages
  const page = BigInt(space.pageSize)
  if (first === undefined || pages.some((address, index) => address !== first + BigInt(index) * page)) {
    const pieces = pages.filter((address, index) => index === 0 || address !== (pages[index - 1] ?? 0n) + page).length
    throw new VfioError(
      'NOT_SUPPORTED',
      `${formatSize(size)} of memory lie in ${counted(pieces, 'piece')}, and there is no IOMMU`,
      {
        hint: 'allocate huge pages: dma.allocate(size, { hugePages: true })',
        facts: { size, pieces },
      },
    )
  }
  const last = first + BigInt(size) - 1n
  if (last >> BigInt(addressBits) !== 0n) {
    throw new VfioError('NOT_SUPPORTED', `memory at ${hex(first)} is beyond the device's ${addressBits} address bits`, {
      facts: { address: hex(first), size, addressBits },
    })
  }
  const there = buffers.at(first) ?? buffers.at(last)
  if (there === null) return first
  throw new VfioError('IOVA_IN_USE', `the memory at ${hex(first)} is a DMA buffer already`, {
    facts: { address: hex(first), buffer: { iova: hex(there.iova), size: there.size } },
  })
}
