import { systemError } from '../../../src/base/system-error.ts'
import type { Mapping } from '../../../src/kernel/kernel.ts'
import { answerIrq, answerRegion, FakeKernel } from './fake-kernel.ts'
import { LoggedMapping } from './region/logged-mapping.ts'

const errnos = [
  'EINVAL',
  'EBUSY',
  'ENOTTY',
  'EIO',
  'EFAULT',
  'ENOMEM',
  'ENOSPC',
  'EMSGSIZE',
  'EEXIST',
  'ENOENT',
  'EPERM',
]
/** Sizes, offsets, flags and ids that mean something, and some that mean too much. */
const words = [0, 0, 1, 2, 3, 4, 7, 8, 9, 16, 24, 32, 40, 48, 64, 0x80, 0x1000, 0x1_0001, 0x1_0002, 0x1_0003]
const large = [0xfff, 0x2000, 0x10_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_f000, 0xffff_ffff]

const maxMemory = 0x1_0000

/** A kernel that is up to anything: what it answers, and which of its calls fail, follows from a seed. */
export class HostileKernel extends FakeKernel {
  /** Percentages of calls that it refuses, and of its words that are large. */
  readonly #refusals: number
  readonly #large: number
  #state: number

  constructor(seed: number, { refusals, large }: { refusals: number; large: number }) {
    super()
    for (let index = 0; index < 9; index++) {
      this.regions.set(index, answerRegion({ flags: 7, size: 0x4000n, offset: BigInt(index) << 40n }))
      this.irqs.set(index, answerIrq({ flags: 1, count: 4 }))
    }
    this.#state = seed | 1
    this.#refusals = refusals
    this.#large = large
    // iommufd, and a node of the device
    this.files = {
      ...this.files,
      kind: (path) => (path.includes('noiommu') ? null : 'device'),
      list: (path) => (path.endsWith('vfio-dev') ? ['vfio0'] : []),
      read: () => String(this.#word()),
    }
  }

  override ioctl(fd: number, number: number, argument?: Uint8Array | number): number {
    this.#mayRefuse('ioctl')
    const result = super.ioctl(fd, number, argument)
    if (!(argument instanceof Uint8Array) || this.descriptors.has(result)) return result
    if (this.#below(2) === 0) this.#scribble(argument, 4)
    return this.#below(8) === 0 ? this.#below(4) : result
  }

  override pread(_fd: number, into: Uint8Array): number {
    this.#mayRefuse('pread')
    this.#scribble(into, 0)
    return this.#below(8) === 0 ? this.#below(into.length + 1) : into.length
  }

  override pwrite(_fd: number, from: Uint8Array): number {
    this.#mayRefuse('pwrite')
    return this.#below(8) === 0 ? this.#below(from.length + 1) : from.length
  }

  override mmap(_fd: number, { length }: { length: number }): Mapping {
    this.#mayRefuse('mmap')
    if (length > maxMemory) throw systemError('ENOMEM', 'mmap')
    return new LoggedMapping([], 0, length)
  }

  override pageFrames(_memory?: Mapping, _offset?: number, count = 0): BigUint64Array {
    this.#mayRefuse('mlock')
    return BigUint64Array.from({ length: count }, () => (BigInt(this.#word()) << 32n) | BigInt(this.#word()))
  }

  /** From `at` on; what is before is left as it came, now and then not. */
  #scribble(bytes: Uint8Array, at: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let offset = this.#below(8) === 0 ? 0 : at; offset + 4 <= bytes.length; offset += 4) {
      view.setUint32(offset, this.#word(), true)
    }
  }

  #mayRefuse(syscall: string): void {
    if (this.#below(100) < this.#refusals) throw systemError(errnos[this.#below(errnos.length)] ?? 'EIO', syscall)
  }

  #word(): number {
    const from = this.#below(100) < this.#large ? large : words
    return from[this.#below(from.length)] ?? 0
  }

  #below(limit: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % limit
  }
}
