import { vfioDeviceFeatureDmaBuf, vfioRegionDmaRange } from '../../uapi/features.ts'
import { decode } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { PageSize } from '../base/kernel-traits.ts'
import type { OpenFile } from '../descriptors/open-file.ts'
import type { MappedDevice } from '../memory/bar-mapping.ts'
import type { CallingProcess, Feature } from '../sdk/feature.ts'

/** A memory BAR, as loads and stores reach it; null for what is none. */
type FindBar = (index: number) => { readonly device: MappedDevice; readonly size: number } | null

interface Range {
  readonly offset: bigint
  readonly length: bigint
}

/**
 * Memory of a device behind a descriptor, which another can be given. It is still there if the descriptor is closed.
 */
export class DmaBufFile implements OpenFile {
  readonly link: string = '/dmabuf:'
  readonly details: Readonly<Record<string, string>>
  readonly size: bigint
  readonly #maker: DmaBufs
  readonly #device: MappedDevice
  readonly #ranges: readonly Range[]

  constructor(maker: DmaBufs, device: MappedDevice, ranges: readonly Range[]) {
    this.#maker = maker
    this.#device = device
    this.#ranges = ranges
    this.size = ranges.reduce((sum, { length }) => sum + length, 0n)
    this.details = { size: String(this.size), exp_name: 'vfio_pci_core' }
  }

  /** For an IOMMU to map, until it is revoked. ENODEV while it is; EOPNOTSUPP if it is not of one piece. */
  attach(): { readonly device: MappedDevice; readonly at: number } {
    const maker = this.#maker
    if (maker.isRevoked) throw new Errno('ENODEV')
    const [range, ...others] = this.#ranges
    if (range === undefined || others.length > 0) throw new Errno('EOPNOTSUPP')
    const before = maker.revocations
    const isThere = () => maker.revocations === before
    const device = {
      load: (offset: number, into: Uint8Array) => isThere() && this.#device.load(offset, into),
      store: (offset: number, from: Uint8Array) => isThere() && this.#device.store(offset, from),
    }
    return { device, at: Number(range.offset) }
  }

  close(): void {}
}

/** The dma-bufs that vfio-pci makes of a function's BARs: revoked whenever its memory does not answer. */
export class DmaBufs {
  readonly feature: Feature = {
    size: vfioDeviceFeatureDmaBuf.size,
    get: (data, process) => this.#export(data, process),
  }
  readonly #findBar: FindBar
  readonly #pageSize: PageSize
  #isRevoked = false
  #revocations = 0

  constructor(findBar: FindBar, pageSize: PageSize) {
    this.#pageSize = pageSize
    this.#findBar = findBar
  }

  /** Number of revocations. */
  get revocations(): number {
    return this.#revocations
  }

  get isRevoked(): boolean {
    return this.#isRevoked
  }

  /** Memory decoding is off, or the function is asleep. */
  set isRevoked(isRevoked: boolean) {
    if (isRevoked && !this.#isRevoked) this.#revocations++
    this.#isRevoked = isRevoked
  }

  /** The function is reset: what was mapped has to be mapped again. */
  revokeOnce(): void {
    this.#revocations++
  }

  #export(data: Uint8Array, { fds }: CallingProcess): number {
    const { region_index, flags, nr_ranges } = decode(vfioDeviceFeatureDmaBuf, data)
    if (nr_ranges === 0 || flags !== 0) throw new Errno('EINVAL')
    const bar = this.#findBar(region_index)
    if (bar === null) throw new Errno('ENODEV')
    const ranges = rangesOf(data.subarray(vfioDeviceFeatureDmaBuf.size), nr_ranges, this.#pageSize)
    if (ranges.some(({ offset, length }) => offset + length > BigInt(bar.size))) throw new Errno('EINVAL')
    return fds.add(new DmaBufFile(this, bar.device, ranges))
  }
}

/** EFAULT if they are not there; EINVAL for anything but whole pages. */
function rangesOf(bytes: Uint8Array, count: number, pageSize: PageSize): Range[] {
  if (bytes.length < count * vfioRegionDmaRange.size) throw new Errno('EFAULT')
  const page = BigInt(pageSize)
  return Array.from({ length: count }, (_, nth) => {
    const { offset, length } = decode(vfioRegionDmaRange, bytes, nth * vfioRegionDmaRange.size)
    if (length === 0n || offset % page !== 0n || length % page !== 0n) throw new Errno('EINVAL')
    return { offset, length }
  })
}
