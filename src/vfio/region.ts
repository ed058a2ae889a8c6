import { VfioError } from '../errors.ts'
import type { RegionCapability } from '../uapi/region-capabilities.ts'
import type { RegionFlags, RegionInfo } from '../uapi/region-info.ts'
import { hex } from '../units.ts'
import type { Descriptor } from './descriptor.ts'
import { callFailed, type Reason } from './system-call.ts'

/**
 * A region of an open device, accessed through its file: each access is one pread(2) or pwrite(2) of exactly that
 * width, which the device's driver sees as such. Offsets and sizes are bytes from the region's start.
 *
 * Every access is checked against the region first, as some drivers check nothing: OUT_OF_RANGE, INVALID_ARGUMENT where
 * the offset is no multiple of the width, NOT_SUPPORTED where the region cannot be read or written.
 */
export class Region {
  readonly index: number
  /** 'bar0', 'config', … or 'region9'. */
  readonly name: string
  readonly size: number
  readonly flags: RegionFlags
  /** Where the region begins in the device's file. */
  readonly offset: bigint
  readonly capabilities: readonly RegionCapability[]
  readonly #device: Descriptor
  /** `offset` as a file offset; past 2^53 it is not exact, and every access is refused. */
  readonly #base: number
  readonly #word = new Uint8Array(8)
  readonly #view = new DataView(this.#word.buffer)
  /** Whole-width slices of #word, so that an access allocates nothing. */
  readonly #slices = {
    1: this.#word.subarray(0, 1),
    2: this.#word.subarray(0, 2),
    4: this.#word.subarray(0, 4),
    8: this.#word,
  }

  constructor(device: Descriptor, name: string, info: RegionInfo) {
    if (info.size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new VfioError('KERNEL_ANSWER', `region ${name} of ${device.what} cannot be ${hex(info.size)} bytes long`, {
        facts: { region: name, size: hex(info.size) },
      })
    }
    this.#device = device
    this.index = info.index
    this.name = name
    this.size = Number(info.size)
    this.flags = info.flags
    this.offset = info.offset
    this.#base = Number(info.offset)
    this.capabilities = info.capabilities
  }

  read8(offset: number): number {
    this.#readWord(offset, 1)
    return this.#view.getUint8(0)
  }

  read16(offset: number): number {
    this.#readWord(offset, 2)
    return this.#view.getUint16(0, true)
  }

  read32(offset: number): number {
    this.#readWord(offset, 4)
    return this.#view.getUint32(0, true)
  }

  read64(offset: number): bigint {
    this.#readWord(offset, 8)
    return this.#view.getBigUint64(0, true)
  }

  write8(offset: number, value: number): void {
    this.#checkNumber(value, 1)
    this.#view.setUint8(0, value)
    this.#writeWord(offset, 1)
  }

  write16(offset: number, value: number): void {
    this.#checkNumber(value, 2)
    this.#view.setUint16(0, value, true)
    this.#writeWord(offset, 2)
  }

  write32(offset: number, value: number): void {
    this.#checkNumber(value, 4)
    this.#view.setUint32(0, value, true)
    this.#writeWord(offset, 4)
  }

  write64(offset: number, value: bigint): void {
    if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value) throw this.#unfit(value, 8)
    this.#view.setBigUint64(0, value, true)
    this.#writeWord(offset, 8)
  }

  /** Fills `bytes` from the region, in one call; the driver chooses the width of the accesses. */
  readInto(offset: number, bytes: Uint8Array): void {
    const at = this.#checkAccess('read', offset, bytes.length)
    if (bytes.length > 0) this.#transfer('read', at, bytes)
  }

  /** Writes `bytes` to the region, in one call; the driver chooses the width of the accesses. */
  writeFrom(offset: number, bytes: Uint8Array): void {
    const at = this.#checkAccess('write', offset, bytes.length)
    if (bytes.length > 0) this.#transfer('write', at, bytes)
  }

  #readWord(offset: number, width: 1 | 2 | 4 | 8): void {
    const at = this.#checkAccess('read', offset, width)
    this.#checkAlignment(offset, width)
    this.#transfer('read', at, this.#slices[width])
  }

  #writeWord(offset: number, width: 1 | 2 | 4 | 8): void {
    const at = this.#checkAccess('write', offset, width)
    this.#checkAlignment(offset, width)
    this.#transfer('write', at, this.#slices[width])
  }

  /** The file offset of an allowed access. */
  #checkAccess(way: 'read' | 'write', offset: number, length: number): number {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new VfioError('INVALID_ARGUMENT', `${offset} is not an offset in region ${this.name}`)
    }
    if (!this.flags[way]) {
      throw new VfioError(
        'NOT_SUPPORTED',
        `region ${this.name} of ${this.#device.what} cannot be ${way === 'read' ? 'read' : 'written'}`,
        {
          facts: { region: this.name, flags: { ...this.flags } },
        },
      )
    }
    if (length > this.size - offset) {
      throw new VfioError(
        'OUT_OF_RANGE',
        `cannot ${way} ${bytesAt(length, offset)} of region ${this.name} of ${this.#device.what}: it is ${hex(this.size)} bytes long`,
        { hint: 'vfioctl inspect DEVICE', facts: { region: this.name, offset, length, size: this.size } },
      )
    }
    const at = this.#base + offset
    if (!Number.isSafeInteger(at + length)) {
      throw new VfioError(
        'NOT_SUPPORTED',
        `region ${this.name} begins at ${hex(this.offset)} of the device's file, too far for a file offset`,
        {
          facts: { region: this.name, offset: hex(this.offset) },
        },
      )
    }
    return at
  }

  #checkAlignment(offset: number, width: number): void {
    if (offset % width === 0) return
    throw new VfioError('INVALID_ARGUMENT', `offset ${hex(offset)} is no multiple of the access's ${width} bytes`, {
      facts: { region: this.name, offset, width },
    })
  }

  #checkNumber(value: number, width: 1 | 2 | 4): void {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) throw this.#unfit(value, width)
  }

  #unfit(value: number | bigint, width: number): VfioError {
    return new VfioError('INVALID_ARGUMENT', `${value} is not an unsigned number of ${8 * width} bits`, {
      facts: { region: this.name, width },
    })
  }

  #transfer(way: 'read' | 'write', at: number, bytes: Uint8Array): void {
    const { kernel, fd } = this.#device
    let moved: number
    try {
      moved = way === 'read' ? kernel.pread(fd, bytes, at) : kernel.pwrite(fd, bytes, at)
    } catch (error) {
      throw this.#failed(way, at, bytes.length, error)
    }
    if (moved !== bytes.length) {
      throw new VfioError(
        'KERNEL_ANSWER',
        `cannot ${this.#goal(way, at, bytes.length)}: the kernel moved ${moved} bytes`,
        { facts: { region: this.name, offset: at - this.#base, requested: bytes.length, moved } },
      )
    }
  }

  #failed(way: 'read' | 'write', at: number, length: number, error: unknown): unknown {
    return callFailed(this.#goal(way, at, length), error, {
      EIO: () => noAnswer('the device does not answer; its memory decoding may be off, or it is in low power'),
      EFAULT: () => noAnswer("the device's driver has nothing there, or its memory decoding is off"),
    })
  }

  #goal(way: 'read' | 'write', at: number, length: number): string {
    return `${way} ${bytesAt(length, at - this.#base)} of region ${this.name} of ${this.#device.what}`
  }
}

function bytesAt(length: number, offset: number): string {
  return `${length} ${length === 1 ? 'byte' : 'bytes'} at ${hex(offset)}`
}

function noAnswer(because: string): Reason {
  return {
    code: 'SYSTEM_CALL_FAILED',
    because,
    hint: 'look at the command register (region config, offset 0x4): bit 1 turns memory decoding on, bit 0 I/O',
  }
}
