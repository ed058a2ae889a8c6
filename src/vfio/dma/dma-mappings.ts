import { setImmediate } from 'node:timers/promises'
import { VfioError } from '../../base/errors.ts'
import type { AddressSpace, MapRequest } from '../address-space/address-space.ts'
import { checkPart } from '../address-space/map-request.ts'
import { closeInOrder } from '../calls/close-in-order.ts'
import { IovaAllocator, type IovaRequest } from '../iova/iova-allocator.ts'
import { DmaBuffer } from './dma-buffer.ts'
import { DmaIndex } from './dma-index.ts'
import { PhysicalMemory } from './dma-physical.ts'

/** Pinning this much takes some milliseconds; between such pieces, other things get their turn. */
const piece = 64 * 2 ** 20

/** The memory for a buffer, and the resources closed with it. */
export interface BufferMemory extends Omit<MapRequest, 'iova'> {
  readonly owned: { close(): void } | null
  readonly dmaBuf: number | null
}

type Wishes = Omit<IovaRequest, 'size' | 'alignment'>

/** The mappings of `Dma` in one address space, which several devices may share: their addresses and their buffers. */
export class DmaMappings {
  readonly #space: AddressSpace
  readonly #buffers = new DmaIndex()
  readonly #physical: PhysicalMemory | null
  #iovas: IovaAllocator | null = null
  /** Counts how often everything was unmapped. */
  #clearances = 0
  #clearing = false

  constructor(space: AddressSpace) {
    this.#space = space
    this.#physical = space.mode === 'noiommu' ? new PhysicalMemory(space) : null
  }

  /** By address. */
  buffers(): DmaBuffer[] {
    return this.#buffers.byAddress()
  }

  /** The buffer that a device reaches at this address. */
  at(iova: bigint): DmaBuffer | null {
    return this.#buffers.at(iova)
  }

  /** Addresses are chosen by what the IOMMU says from now on. */
  rangesMayDiffer(): void {
    this.#iovas?.refresh()
  }

  /** Chooses an address and maps the memory there, in pieces if it is large: all of it or nothing. */
  async map(part: BufferMemory, where: Wishes): Promise<DmaBuffer> {
    const { memory, offset, size, access, dmaBuf } = part
    checkPart(memory, offset, size, this.#space.pageSize)
    if (this.#physical !== null) return this.#add(this.#physical.take(part, this.#buffers, where), part)
    const iovas = this.#allocator()
    const iova = takeAddress(iovas, this.#space.kernel.hugePageSize, size, where)
    const clearances = this.#clearances
    let done = 0
    try {
      while (done < size) {
        if (done > 0) await setImmediate()
        if (this.#clearances !== clearances) throw clearedMeanwhile()
        const next = Math.min(piece, size - done)
        this.#space.map({ iova: iova + BigInt(done), memory, offset: offset + done, size: next, access, dmaBuf })
        done += next
      }
    } catch (error) {
      this.#takeBack(iova, done)
      iovas.free(iova, size)
      throw error
    }
    return this.#add(iova, part)
  }

  /** One call for all mappings, then each buffer is closed. Returns the bytes unmapped. */
  clear(): bigint {
    const unmapped = this.#physical !== null || this.#space.closed ? 0n : this.#space.unmapAll()
    this.#clearances++
    this.#clearing = true
    try {
      closeInOrder(this.buffers())
    } finally {
      this.#clearing = false
    }
    return unmapped
  }

  #add(iova: bigint, { memory, offset, size, access, owned }: BufferMemory): DmaBuffer {
    const buffer = new DmaBuffer({ iova, memory, offset, size, access, owned, unmap: this.#remove })
    this.#buffers.add(buffer)
    return buffer
  }

  /** The mapping, the address and the buffer; an address space that is closed has unmapped everything already. */
  readonly #remove = (buffer: DmaBuffer): void => {
    if (this.#physical !== null) this.#physical.leave(buffer.memory)
    else if (!this.#space.closed && !this.#clearing) this.#space.unmap(buffer.iova, BigInt(buffer.size))
    this.#iovas?.free(buffer.iova, buffer.size)
    this.#buffers.delete(buffer)
  }

  #allocator(): IovaAllocator {
    this.#iovas ??= new IovaAllocator(this.#space.pageSize, this.#space.kernel.hugePageSize, () => this.#space.ranges())
    return this.#iovas
  }

  #takeBack(iova: bigint, size: number): void {
    if (size === 0 || this.#space.closed) return
    try {
      this.#space.unmap(iova, BigInt(size))
    } catch {
      // the error that stopped the mapping is the one that explains
    }
  }
}

/** Large memory if huge pages of the IOMMU fit, if there is such a place. */
function takeAddress(iovas: IovaAllocator, hugePageSize: number, size: number, { iova, addressBits }: Wishes): bigint {
  const alignment = size < hugePageSize || iova !== undefined ? 'page' : 'huge'
  try {
    return iovas.allocate({ size, iova, addressBits, alignment })
  } catch (error) {
    if (alignment === 'page' || !(error instanceof VfioError) || error.code !== 'NO_IOVA_LEFT') throw error
    return iovas.allocate({ size, addressBits })
  }
}

function clearedMeanwhile(): VfioError {
  return new VfioError('CLOSED', 'everything was unmapped while this memory was being mapped')
}
