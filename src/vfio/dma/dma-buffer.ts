import { VfioError } from '../../base/errors.ts'
import { hex, shown } from '../../base/units.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import type { DmaAccess } from '../address-space/address-space.ts'
import { attempt } from '../calls/system-call.ts'

/** The parts of a buffer for DMA. */
export interface DmaBufferParts {
  readonly iova: bigint
  readonly memory: Mapping
  readonly offset: number
  readonly size: number
  readonly access: DmaAccess
  /** Takes the buffer out of its address space; what it throws is thrown by `close`, and the buffer stays open. */
  unmap(buffer: DmaBuffer): void
  /** The resource that is closed after that. */
  readonly owned: { close(): void } | null
}

const hint = 'the accessors of its memory reach it'

/** Memory that devices reach at `iova` and we at `view()`, until it is closed. */
export class DmaBuffer implements Disposable, AsyncDisposable {
  /** The buffer's first address for a device: an I/O virtual address, or without an IOMMU a physical one. */
  readonly iova: bigint
  /** Bytes, whole pages. */
  readonly size: number
  /** The access of devices. */
  readonly access: DmaAccess
  /** The memory, which has accessors of exact width; the buffer begins at its byte `offset`. */
  readonly memory: Mapping
  readonly offset: number
  readonly #parts: DmaBufferParts
  #closed = false

  /** For `Dma` alone, which has mapped it. */
  constructor(parts: DmaBufferParts) {
    this.iova = parts.iova
    this.size = parts.size
    this.access = parts.access
    this.memory = parts.memory
    this.offset = parts.offset
    this.#parts = parts
  }

  /** True once the buffer is closed, and its memory unmapped from the device. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * The buffer as bytes. Empty once the memory is closed; CLOSED after `close`. NOT_SUPPORTED of a device's memory on
   * the mock, and of memory that is too long for a Uint8Array.
   */
  view(): Uint8Array {
    if (this.#closed) throw new VfioError('CLOSED', `the DMA buffer at ${hex(this.iova)} is closed`)
    const bytes = attempt(`view the DMA buffer at ${hex(this.iova)}`, () => this.memory.view(), {
      ENOMEM: () => ({ code: 'NOT_SUPPORTED', because: 'it is longer than what JavaScript can view', hint }),
      EOPNOTSUPP: () => ({ code: 'NOT_SUPPORTED', because: "it is a device's memory", hint }),
    })
    return bytes.subarray(this.offset, this.offset + this.size)
  }

  /** The address for a device of the byte `offset` of the buffer. Throws OUT_OF_RANGE, CLOSED. */
  iovaOf(offset: number): bigint {
    if (this.#closed) throw new VfioError('CLOSED', `the DMA buffer at ${hex(this.iova)} is closed`)
    if (Number.isSafeInteger(offset) && offset >= 0 && offset < this.size) return this.iova + BigInt(offset)
    throw new VfioError('OUT_OF_RANGE', `byte ${shown(offset)} is not in the DMA buffer of ${this.size} bytes`, {
      facts: { size: this.size },
    })
  }

  /**
   * Takes the memory away from the devices, which get an IOMMU fault from here on, and frees it if `allocate` made
   * it. Without an IOMMU nothing stops a device: make sure it is done. Idempotent.
   */
  close(): void {
    if (this.#closed) return
    this.#parts.unmap(this)
    this.#closed = true
    this.#parts.owned?.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}
