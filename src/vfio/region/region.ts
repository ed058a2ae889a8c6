import { deviceOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import type { WordWidth } from '../../kernel/kernel.ts'
import type { RegionCapability, RegionFlags, RegionInfo } from '../../uapi/region.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { callFailed } from '../calls/system-call.ts'
import type { RegisterBlock, RegisterSpecs } from '../registers/register-block.ts'
import { type Registers, registersOf } from '../registers/registers.ts'
import { Ioeventfd, type IoeventfdRequest } from './ioeventfd.ts'
import { MappedRegion } from './mapped-region.ts'
import {
  checkAccess,
  checkAlignment,
  checkBigint,
  checkCopy,
  checkNumber,
  type DeviceRegion,
  goalOf,
  memoryGone,
  type Way,
} from './region-access.ts'
import type { Area } from './region-areas.ts'

/** The parts of a device that its regions need. */
export interface RegionHost {
  readonly descriptor: Descriptor
  /** The MSI-X table's place in this region; null if it lies elsewhere or the device has none. */
  msixTable(): Area | null
}

/**
 * A region of an open device, trapped: each access is one pread(2) or pwrite(2) of exactly that width on the device's
 * file, which the device's driver sees as such. `map()` gives the same region mapped.
 */
export class Region implements DeviceRegion {
  readonly index: number
  readonly name: string
  readonly size: number
  readonly flags: RegionFlags
  /** The region's offset in the device's file. */
  readonly offset: bigint
  readonly capabilities: readonly RegionCapability[]
  /** The device that has it, for people: 'device 0000:00:03.0'. */
  readonly owner: string
  readonly #host: RegionHost
  readonly #device: Descriptor
  /** `offset` as a file offset; past 2^53 it is not exact, and every access is refused. */
  readonly #base: number
  readonly #long = new Uint8Array(8)
  readonly #longView = new DataView(this.#long.buffer)

  constructor(host: RegionHost, name: string, info: RegionInfo) {
    const { descriptor } = host
    if (info.size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new VfioError(
        'MALFORMED_REPLY',
        `region ${name} of ${descriptor.what} cannot be ${hex(info.size)} bytes long`,
        { facts: { region: name, size: hex(info.size) } },
      )
    }
    this.#host = host
    this.#device = descriptor
    this.owner = descriptor.what
    this.index = info.index
    this.name = name
    this.size = Number(info.size)
    this.flags = info.flags
    this.offset = info.offset
    this.#base = Number(info.offset)
    this.capabilities = info.capabilities
  }

  /** Reads a byte at `offset`, in bytes, by a call of the kernel. */
  read8(offset: number): number {
    return this.#readWord(offset, 1)
  }

  /** Reads 16 bits at `offset`, in bytes, by a call of the kernel. */
  read16(offset: number): number {
    return this.#readWord(offset, 2)
  }

  /** Reads 32 bits at `offset`, in bytes, by a call of the kernel. */
  read32(offset: number): number {
    return this.#readWord(offset, 4)
  }

  /**
   * Reads 64 bits at `offset`, in bytes: one call of the kernel, which before Linux 6.12 is two accesses of the device.
   */
  read64(offset: number): bigint {
    checkAccess(this, 'read', offset, 8)
    checkAlignment(this, offset, 8)
    this.#transfer('read', offset, this.#long)
    return this.#longView.getBigUint64(0, deviceOrder)
  }

  /** Writes a byte at `offset`, in bytes, by a call of the kernel. */
  write8(offset: number, value: number): void {
    this.#writeWord(offset, value, 1)
  }

  /** Writes 16 bits at `offset`, in bytes, by a call of the kernel. */
  write16(offset: number, value: number): void {
    this.#writeWord(offset, value, 2)
  }

  /** Writes 32 bits at `offset`, in bytes, by a call of the kernel. */
  write32(offset: number, value: number): void {
    this.#writeWord(offset, value, 4)
  }

  /**
   * Writes 64 bits at `offset`, in bytes: one call of the kernel, which before Linux 6.12 is two accesses of the
   * device.
   */
  write64(offset: number, value: bigint): void {
    checkBigint(this, value)
    checkAccess(this, 'write', offset, 8)
    checkAlignment(this, offset, 8)
    this.#longView.setBigUint64(0, value, deviceOrder)
    this.#transfer('write', offset, this.#long)
  }

  /**
   * Fills `bytes` from `offset` on, upwards, in accesses of 32 bits and narrower ones at the ends. OUT_OF_RANGE past
   * the end.
   */
  readInto(offset: number, bytes: Uint8Array): void {
    checkCopy(this, 'read', offset, bytes)
    if (bytes.length > 0) this.#transfer('read', offset, bytes)
  }

  /**
   * Writes `bytes` from `offset` on, upwards, in accesses of 32 bits and narrower ones at the ends. OUT_OF_RANGE past
   * the end.
   */
  writeFrom(offset: number, bytes: Uint8Array): void {
    checkCopy(this, 'write', offset, bytes)
    if (bytes.length > 0) this.#transfer('write', offset, bytes)
  }

  /** The registers that a block of `registerBlock` describes, in this region. */
  as<const Specs extends RegisterSpecs>(block: RegisterBlock<Specs>): Registers<Specs> {
    return registersOf(block, this)
  }

  /**
   * Maps what the kernel lets be mapped of the region, with mmap(2). Throws NOT_SUPPORTED if that is nothing. Whoever
   * maps it closes it; closing the device closes it too.
   */
  map(): MappedRegion {
    const { descriptor } = this.#host
    descriptor.checkOpen()
    const mapped = new MappedRegion(this, descriptor, this.#host.msixTable())
    descriptor.hold(mapped)
    return mapped
  }

  /**
   * Has the kernel write a value whenever an eventfd is signalled (VFIO_DEVICE_IOEVENTFD): of a PCI device, into a BAR
   * but not its MSI-X table. Throws OUT_OF_RANGE and INVALID_ARGUMENT as a write does, ALREADY_EXISTS if the same write
   * has an eventfd, NO_IOEVENTFD_LEFT beyond 1000 of one device, NOT_SUPPORTED elsewhere.
   */
  ioeventfd(request: IoeventfdRequest): Ioeventfd {
    const { descriptor } = this.#host
    descriptor.checkOpen()
    return new Ioeventfd(this, descriptor, request)
  }

  #readWord(offset: number, width: WordWidth): number {
    checkAccess(this, 'read', offset, width)
    checkAlignment(this, offset, width)
    const { kernel, fd } = this.#device
    let value: number
    try {
      value = kernel.readWord(fd, this.#fileOffset(offset, width), width)
    } catch (error) {
      throw transferFailed(this, 'read', offset, width, error)
    }
    if (value < 0) throw otherLength(this, 'read', offset, width, ~value)
    return value
  }

  #writeWord(offset: number, value: number, width: WordWidth): void {
    checkNumber(this, value, width)
    checkAccess(this, 'write', offset, width)
    checkAlignment(this, offset, width)
    const { kernel, fd } = this.#device
    let moved: number
    try {
      moved = kernel.writeWord(fd, this.#fileOffset(offset, width), width, value)
    } catch (error) {
      throw transferFailed(this, 'write', offset, width, error)
    }
    if (moved !== width) throw otherLength(this, 'write', offset, width, moved)
  }

  #transfer(way: Way, offset: number, bytes: Uint8Array): void {
    const { kernel, fd } = this.#device
    const at = this.#fileOffset(offset, bytes.length)
    let moved: number
    try {
      moved = way === 'read' ? kernel.pread(fd, bytes, at) : kernel.pwrite(fd, bytes, at)
    } catch (error) {
      throw transferFailed(this, way, offset, bytes.length, error)
    }
    if (moved !== bytes.length) throw otherLength(this, way, offset, bytes.length, moved)
  }

  #fileOffset(offset: number, length: number): number {
    const at = this.#base + offset
    if (Number.isSafeInteger(at + length)) return at
    throw tooFar(this)
  }
}

function transferFailed(region: Region, way: Way, offset: number, length: number, error: unknown): unknown {
  return callFailed(goalOf(region, way, offset, length), error, {
    EIO: memoryGone,
    EFAULT: () => ({ code: 'SYSTEM_CALL_FAILED', because: "the device's driver has nothing there" }),
  })
}

function otherLength(region: Region, way: Way, offset: number, requested: number, moved: number): VfioError {
  return new VfioError(
    'MALFORMED_REPLY',
    `cannot ${goalOf(region, way, offset, requested)}: the kernel moved ${moved} bytes`,
    { facts: { region: region.name, offset, requested, moved } },
  )
}

function tooFar({ name, offset }: Region): VfioError {
  return new VfioError(
    'NOT_SUPPORTED',
    `region ${name} begins at ${hex(offset)} of the device's file, too far for a file offset`,
    { facts: { region: name, offset: hex(offset) } },
  )
}
