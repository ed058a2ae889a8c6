import { iovaRanges } from '../memory/iommu-limits.ts'
import type { Ioas } from './ioas.ts'
import { holes, type IovaRange, lastIova } from './iova-range.ts'

/** Addresses up to the last that an Intel IOMMU of 39 bits translates, and those past it, which it does not. */
const aperture: IovaRange = { first: 0n, last: iovaRanges.at(-1)?.last ?? lastIova }
const pastAperture = holes({ first: 0n, last: lastIova }, [aperture])
/** The windows of each device, which are reserved for its messages. */
export const deviceWindows: readonly IovaRange[] = holes(aperture, iovaRanges)

/** A page table of an IOMMU (HWPT), or of none: that only tells physical addresses. */
export class PageTable {
  readonly ioas: Ioas
  /** Made by attaching a device to an IOAS, and gone with the last device. */
  readonly isAutomatic: boolean
  readonly isNoiommu: boolean
  /** Devices attached to it. */
  users = 0

  /** EADDRINUSE, EFAULT, ENOMEM if what is mapped cannot be in it. */
  constructor(ioas: Ioas, { isAutomatic, isNoiommu }: { isAutomatic: boolean; isNoiommu: boolean }) {
    this.ioas = ioas
    this.isAutomatic = isAutomatic
    this.isNoiommu = isNoiommu
    ioas.addPageTable(this, isNoiommu ? [] : pastAperture)
  }

  destroy(): void {
    this.ioas.removePageTable(this)
  }
}
