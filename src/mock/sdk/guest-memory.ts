import { Errno } from '../errno.ts'
import type { DmaAccess } from '../vfio/dma-mappings.ts'

/** Memory by the addresses that the device was given (IOVAs): the container's translations stand between. */
export interface GuestMemory {
  /** vfio_dma_rw: copies out of the memory, across mappings. EINVAL where nothing is mapped, or it may not be read. */
  read(iova: bigint, into: Uint8Array): void
  /** The other way round. */
  write(iova: bigint, from: Uint8Array): void
}

export function guestMemory(dma: DmaAccess): GuestMemory {
  return {
    read(iova, into) {
      if (!dma.read(iova, into)) throw new Errno('EINVAL')
    },
    write(iova, from) {
      if (!dma.write(iova, from)) throw new Errno('EINVAL')
    },
  }
}
