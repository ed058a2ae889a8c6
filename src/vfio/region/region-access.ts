import { checkBytes } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { counted, hex, shown } from '../../base/units.ts'
import type { Accessors, WordWidth } from '../../kernel/kernel.ts'
import type { RegionCapability, RegionFlags } from '../../uapi/region.ts'
import type { Reason } from '../calls/system-call.ts'
import type { RegisterBlock, RegisterSpecs } from '../registers/register-block.ts'
import type { Registers } from '../registers/registers.ts'

/**
 * Reading and writing a region, the same for one that is trapped (`Region`) and one that is mapped (`MappedRegion`):
 * each access reaches the device as one of that width. But trapped by Linux before 6.12, one of 64 bits reaches it as
 * two of 32, the low half first; and `readInto` and `writeFrom` are one call there, which the device's driver splits,
 * on later kernels with 64-bit accesses in it. Registers that care about the width are read one by one.
 *
 * No width is refused here, and none is chosen for you: `read32` is what most devices take in a memory BAR. One that
 * the device does not take reads as all ones on x86-64; on arm64 it is an abort, which a mapped access survives
 * (DEVICE_MEMORY_GONE) and VFIO's read path in Linux 6.12 does not: the kernel oopses, and the reader hangs.
 *
 * Every access is checked first, as some drivers check nothing: OUT_OF_RANGE, INVALID_ARGUMENT if the offset is no
 * multiple of the width or the value does not fit it, NOT_SUPPORTED if the region cannot be read or written. A device
 * that does not answer in its memory is DEVICE_MEMORY_GONE, until it does again.
 */
export interface RegionAccess extends Accessors {
  /** 'bar0', 'config', … or 'region9'. */
  readonly name: string
  readonly size: number
  readonly flags: RegionFlags
  /** The registers that a block declares. Throws OUT_OF_RANGE if one of them lies outside the region. */
  as<const Specs extends RegisterSpecs>(block: RegisterBlock<Specs>): Registers<Specs>
}

/** A region as its device describes it, with trapped access: what a mapping or an ioeventfd of it needs. */
export interface DeviceRegion extends RegionAccess {
  readonly index: number
  /** Its offset in the device's file. */
  readonly offset: bigint
  readonly capabilities: readonly RegionCapability[]
  /** The device that has it, for people: 'device 0000:00:03.0'. */
  readonly owner: string
}

/** The direction of an access. */
export type Way = 'read' | 'write'

/** The limits that an access to a region is checked against. */
export interface Bounds {
  /** The device that has the region, for people: 'device 0000:00:03.0'. */
  readonly owner: string
  readonly name: string
  readonly size: number
  readonly flags: RegionFlags
}

/**
 * Throws INVALID_ARGUMENT, NOT_SUPPORTED or OUT_OF_RANGE if the region does not allow the access. What makes an error
 * is apart, here and below, so that V8 can take the check into whoever makes it.
 */
export function checkAccess(region: Bounds, way: Way, offset: number, length: number): void {
  const isOffset = Number.isSafeInteger(offset) && offset >= 0
  if (!isOffset || !region.flags[way] || length > region.size - offset) throw refused(region, way, offset, length)
}

function refused(region: Bounds, way: Way, offset: number, length: number): VfioError {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    return new VfioError('INVALID_ARGUMENT', `${shown(offset)} is not an offset in region ${region.name}`)
  }
  if (!region.flags[way]) {
    return new VfioError(
      'NOT_SUPPORTED',
      `region ${region.name} of ${region.owner} cannot be ${way === 'read' ? 'read' : 'written'}`,
      { facts: { region: region.name, flags: { ...region.flags } } },
    )
  }
  return new VfioError(
    'OUT_OF_RANGE',
    `cannot ${goalOf(region, way, offset, length)}: it is ${hex(region.size)} bytes long`,
    {
      hint: 'vfioctl inspect DEVICE',
      facts: { region: region.name, offset, length, size: region.size },
    },
  )
}

/** Of a copy into or out of bytes. Throws as `checkAccess` does, INVALID_ARGUMENT for what are no bytes. */
export function checkCopy(region: Bounds, way: Way, offset: number, bytes: Uint8Array): void {
  checkBytes(way === 'read' ? 'readInto' : 'writeFrom', bytes)
  checkAccess(region, way, offset, bytes.length)
}

/** Throws INVALID_ARGUMENT if the offset is not a multiple of the width in bytes. */
export function checkAlignment(region: Bounds, offset: number, width: number): void {
  if (offset % width !== 0) throw misaligned(region, offset, width)
}

function misaligned(region: Bounds, offset: number, width: number): VfioError {
  return new VfioError('INVALID_ARGUMENT', `offset ${hex(offset)} is not a multiple of the access's ${width} bytes`, {
    facts: { region: region.name, offset, width },
  })
}

/** By width. Not 2 ** (8 * width), which can take as long as a tenth of a trapped access. */
const maxOf = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const

/** Throws INVALID_ARGUMENT if a value does not fit the width. */
export function checkNumber(region: Bounds, value: number, width: WordWidth): void {
  if (!Number.isInteger(value) || value < 0 || value > maxOf[width]) throw unfit(region, value, width)
}

/** Throws INVALID_ARGUMENT if a value does not fit 64 bits. */
export function checkBigint(region: Bounds, value: bigint): void {
  if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value) throw unfit(region, value, 8)
}

function unfit(region: Bounds, value: number | bigint, width: number): VfioError {
  return new VfioError('INVALID_ARGUMENT', `${shown(value)} is not an unsigned number of ${8 * width} bits`, {
    facts: { region: region.name, width },
  })
}

/** 'read 4 bytes at 0x10 of region bar0 of device 0000:00:03.0'. */
export function goalOf(region: Bounds, way: Way, offset: number, length: number): string {
  return `${way} ${counted(length, 'byte')} at ${hex(offset)} of region ${region.name} of ${region.owner}`
}

/** The reason why memory of a device is not there: a mapped access faults, a trapped one gets EIO. */
export function memoryGone(): Reason {
  return {
    code: 'DEVICE_MEMORY_GONE',
    because: 'the device does not answer; its memory decoding is off, or it is being reset or in low power',
    hint: 'device.pci.memoryDecode = true, if that is off; opening the device anew turns it on too',
  }
}
