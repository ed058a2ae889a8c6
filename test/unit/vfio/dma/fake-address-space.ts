import type { Kernel, Mapping } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type {
  AddressSpace,
  AddressSpaceInfo,
  IommuMode,
  IovaRange,
  MapRequest,
} from '../../../../src/vfio/address-space/address-space.ts'

/** An address space that writes down what it is asked, and fails where a test says. */
export class FakeAddressSpace implements AddressSpace {
  readonly kernel: Kernel
  readonly mode: IommuMode
  readonly pageSize = 4096
  readonly calls: string[] = []
  /** Mappings: size by address. */
  readonly mapped = new Map<bigint, number>()
  allowed: IovaRange[] = [{ first: 0n, last: 0xffff_ffffn }]
  /** Physical addresses of the pages of any memory. */
  frames: bigint[] = []
  beforeMap: (request: MapRequest) => void = () => {}
  beforeUnmap: () => void = () => {}
  closed = false

  constructor(mode: IommuMode = 'type1v2', kernel: Kernel = createMockKernel('demo')) {
    this.mode = mode
    this.kernel = kernel
  }

  ranges(): readonly IovaRange[] {
    return this.allowed
  }

  availableMappings(): number {
    return 65535 - this.mapped.size
  }

  info(): AddressSpaceInfo {
    return { pageSize: this.pageSize, ranges: this.ranges(), availableMappings: this.availableMappings() }
  }

  map(request: MapRequest): void {
    this.beforeMap(request)
    const { iova, offset, size, access } = request
    this.calls.push(`map ${access} 0x${iova.toString(16)}+0x${size.toString(16)} from 0x${offset.toString(16)}`)
    this.mapped.set(iova, size)
  }

  unmap(iova: bigint, size: bigint): bigint {
    this.beforeUnmap()
    this.calls.push(`unmap 0x${iova.toString(16)}+0x${size.toString(16)}`)
    for (const start of this.mapped.keys()) if (start >= iova && start < iova + size) this.mapped.delete(start)
    return size
  }

  unmapAll(): bigint {
    this.calls.push('unmap all')
    const bytes = [...this.mapped.values()].reduce((sum, size) => sum + BigInt(size), 0n)
    this.mapped.clear()
    return bytes
  }

  physicalPages(_memory: Mapping, _offset: number, size: number): readonly bigint[] {
    return this.frames.slice(0, size / this.pageSize)
  }

  releasePages(memory: Mapping): void {
    this.calls.push(`release ${memory.length} bytes`)
  }

  close(): void {
    this.closed = true
    this.mapped.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
