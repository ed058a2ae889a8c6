import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import type { IovaRange, MapRequest } from '../address-space/address-space.ts'
import type { Attachment, AttachOptions } from '../address-space/attachment.ts'
import { mapFailed, notPhysical, unmapFailed } from '../address-space/map-failure.ts'
import { checkedMapRequest, checkPages } from '../address-space/map-request.ts'
import { MappedRanges } from '../address-space/mapped-ranges.ts'
import { attempt } from '../calls/system-call.ts'
import { checkGroupIsFree, claimGroup, releaseGroup } from '../group/open-groups.ts'
import { AttachableSpace, type Entered, notAttached } from './attachable-space.ts'
import type { Ioas } from './iommufd.ts'
import { attachDevice, detachDevice, openIommufdDevice } from './iommufd-device.ts'

/**
 * An IOAS of iommufd, with devices opened by their own nodes. iommufd would map before any device is there; here it is
 * NOT_ATTACHED as in a container, and no device comes upon mappings in its reserved ranges unawares.
 */
export class IommufdAddressSpace extends AttachableSpace {
  readonly #ioas: Ioas
  readonly #mapped = new MappedRanges()
  /** The number of devices of each group here: the kernel translates for a group as a whole. */
  readonly #devices = new Map<number, number>()
  /** As long as the same devices are attached. */
  #pageSize: number | null = null

  constructor(ioas: Ioas) {
    super(ioas.iommufd.kernel, 'iommufd')
    this.#ioas = ioas
  }

  get pageSize(): number {
    this.#checkTranslates('tell the page size')
    this.#pageSize ??= this.#smallestPage()
    return this.#pageSize
  }

  /** IOMMU_IOAS_IOVA_RANGES. */
  ranges(): readonly IovaRange[] {
    this.#checkTranslates('tell the IOVA ranges')
    return this.#ioas.ranges().ranges
  }

  /** iommufd does not count them: memory is the limit. */
  availableMappings(): null {
    this.#checkTranslates('count the mappings')
    return null
  }

  map(given: MapRequest): void {
    this.#checkTranslates('map memory')
    const request = checkedMapRequest(given, this.kernel.pageSize)
    const { iova, memory, offset, size, access, dmaBuf } = request
    try {
      if (dmaBuf === null) this.#ioas.map({ memory, offset, size, access }, iova)
      else this.#ioas.mapFile(dmaBuf, offset, BigInt(size), access, iova)
    } catch (error) {
      throw mapFailed(this, this.#mapped, request, error)
    }
    this.#mapped.add(iova, BigInt(size))
  }

  unmap(iova: bigint, size: bigint): bigint {
    this.checkOpen()
    checkPages('unmap', iova, size, this.kernel.pageSize)
    const starts = this.#mapped.within(iova, size)
    try {
      const unmapped = this.#ioas.unmap(iova, size)
      this.#mapped.forget(starts)
      return unmapped
    } catch (error) {
      // how kernels before 6.18 or so say that nothing is there
      if (starts.length === 0 && failedWith(error, 'ENOENT')) return 0n
      throw unmapFailed(this, iova, size, error)
    }
  }

  unmapAll(): bigint {
    this.checkOpen()
    if (this.#mapped.count === 0) return 0n
    const unmapped = attempt('unmap everything', () => this.#ioas.unmap(0n, 0xffff_ffff_ffff_ffffn))
    this.#mapped.forgetAll()
    return unmapped
  }

  physicalPages(_memory: Mapping, _offset: number, _size: number): readonly bigint[] {
    this.checkOpen()
    throw notPhysical(this.mode)
  }

  protected enter(address: DeviceAddress, given: AttachOptions): Entered {
    const { group } = address
    const options = { ...given, noiommu: false }
    this.#pageSize = null
    if (group === null) return openIommufdDevice(this.kernel, this.#ioas, address, options)
    checkGroupIsFree(this, group)
    const { descriptor } = openIommufdDevice(this.kernel, this.#ioas, address, options)
    return { descriptor, leave: this.#join(group) }
  }

  /** The kernel moves a group's devices together: one alone is moved if no other is open. */
  protected enterAgain({ address, addressSpace: from, descriptor }: Attachment): Pick<Entered, 'leave'> {
    const { group, name } = address
    const others = group !== null && from instanceof IommufdAddressSpace ? (from.#devices.get(group) ?? 1) - 1 : 0
    if (from !== this && others > 0) {
      throw new VfioError('DEVICE_BUSY', `cannot move ${name} alone: devices of group ${group} go together`, {
        hint: 'close the other devices of the group first',
        facts: { device: name, group, others },
      })
    }
    attachDevice(descriptor, this.#ioas)
    this.#pageSize = null
    return { leave: from === this || group === null ? () => {} : this.#join(group) }
  }

  protected withdraw({ descriptor }: Attachment): void {
    this.#pageSize = null
    detachDevice(descriptor)
  }

  /** Destroying an IOAS unmaps what is in it. */
  protected tearDown(): void {
    this.#ioas.close()
  }

  /** Returns how a device of the group leaves. */
  #join(group: number): () => void {
    this.#devices.set(group, (this.#devices.get(group) ?? 0) + 1)
    claimGroup(group, { space: this, node: null, container: null })
    return () => this.#leave(group)
  }

  #leave(group: number): void {
    this.#pageSize = null
    const left = (this.#devices.get(group) ?? 0) - 1
    if (left > 0) {
      this.#devices.set(group, left)
      return
    }
    this.#devices.delete(group)
    releaseGroup(group, this)
  }

  #smallestPage(): number {
    const { alignment } = this.#ioas.ranges()
    if ((alignment & (alignment - 1n)) !== 0n) {
      throw new VfioError('MALFORMED_REPLY', `the kernel says that pages are ${alignment} bytes: no power of two`, {
        facts: { alignment: String(alignment) },
      })
    }
    return Math.max(this.kernel.pageSize, alignment > 0x8000_0000n ? 0 : Number(alignment))
  }

  #checkTranslates(goal: string): void {
    this.checkOpen()
    if (this.attached === 0 && this.#mapped.count === 0) throw notAttached(goal)
  }
}
