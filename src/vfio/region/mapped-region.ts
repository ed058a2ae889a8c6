import * as v from 'valibot'
import { checked, count } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { formatSize, hex } from '../../base/units.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import type { RegionFlags } from '../../uapi/region.ts'
import { closeInOrder, orClose } from '../calls/close-in-order.ts'
import type { Dependent, Descriptor } from '../calls/descriptor.ts'
import { attempt, callFailed } from '../calls/system-call.ts'
import type { RegisterBlock, RegisterSpecs } from '../registers/register-block.ts'
import { type Registers, registersOf } from '../registers/registers.ts'
import {
  checkAccess,
  checkAlignment,
  checkBigint,
  checkCopy,
  checkNumber,
  type DeviceRegion,
  goalOf,
  memoryGone,
  type RegionAccess,
  type Way,
} from './region-access.ts'
import { type Area, mappableAreas, outside } from './region-areas.ts'
import { exportDmaBuf } from './region-dma-buf.ts'

/** Bytes that are reached through a mapping. */
interface Window extends Area {
  readonly mapping: Mapping
  /** The mapping's offset in the region. */
  readonly origin: number
}

/**
 * A region whose memory is mapped: each access is one load or store of exactly that width, without a system call. What
 * cannot be mapped of it (outside a sparse region's areas, and the MSI-X table, which is the kernel's) is trapped.
 */
export class MappedRegion implements RegionAccess, Disposable {
  readonly region: DeviceRegion
  readonly name: string
  readonly size: number
  readonly flags: RegionFlags
  readonly owner: string
  readonly #device: Descriptor
  readonly #mappings: readonly Mapping[]
  readonly #dependents = new Set<Dependent>()
  #windows: readonly Window[] | null

  /** Maps it: `Region.map` is what makes one. */
  constructor(region: DeviceRegion, device: Descriptor, msixTable: Area | null) {
    this.region = region
    this.name = region.name
    this.size = region.size
    this.flags = region.flags
    this.owner = region.owner
    this.#device = device
    const windows = mapWindows(region, device, msixTable)
    this.#mappings = [...new Set(windows.map(({ mapping }) => mapping))]
    this.#windows = windows
  }

  /** The mapped areas; the rest is trapped. Empty once closed. */
  get areas(): readonly Area[] {
    return (this.#windows ?? []).map(({ start, end }) => ({ start, end }))
  }

  /** True once it is unmapped: accesses throw CLOSED. */
  get closed(): boolean {
    return this.#windows === null
  }

  /** Reads a byte at `offset`, in bytes, by a load if it is mapped. */
  read8(offset: number): number {
    const window = this.#windowAt('read', offset, 1)
    if (window === null) return this.region.read8(offset)
    try {
      return window.mapping.read8(offset - window.origin)
    } catch (error) {
      throw this.#failed('read', offset, 1, error)
    }
  }

  /** Reads 16 bits at `offset`, in bytes, by a load if it is mapped. */
  read16(offset: number): number {
    const window = this.#windowAt('read', offset, 2)
    if (window === null) return this.region.read16(offset)
    try {
      return window.mapping.read16(offset - window.origin)
    } catch (error) {
      throw this.#failed('read', offset, 2, error)
    }
  }

  /** Reads 32 bits at `offset`, in bytes, by a load if it is mapped. */
  read32(offset: number): number {
    const window = this.#windowAt('read', offset, 4)
    if (window === null) return this.region.read32(offset)
    try {
      return window.mapping.read32(offset - window.origin)
    } catch (error) {
      throw this.#failed('read', offset, 4, error)
    }
  }

  /** Reads 64 bits at `offset`, in bytes, by a load if it is mapped. */
  read64(offset: number): bigint {
    const window = this.#windowAt('read', offset, 8)
    if (window === null) return this.region.read64(offset)
    try {
      return window.mapping.read64(offset - window.origin)
    } catch (error) {
      throw this.#failed('read', offset, 8, error)
    }
  }

  /** Writes a byte at `offset`, in bytes, by a store if it is mapped. */
  write8(offset: number, value: number): void {
    checkNumber(this, value, 1)
    const window = this.#windowAt('write', offset, 1)
    try {
      if (window === null) this.region.write8(offset, value)
      else window.mapping.write8(offset - window.origin, value)
    } catch (error) {
      throw this.#failed('write', offset, 1, error)
    }
  }

  /** Writes 16 bits at `offset`, in bytes, by a store if it is mapped. */
  write16(offset: number, value: number): void {
    checkNumber(this, value, 2)
    const window = this.#windowAt('write', offset, 2)
    try {
      if (window === null) this.region.write16(offset, value)
      else window.mapping.write16(offset - window.origin, value)
    } catch (error) {
      throw this.#failed('write', offset, 2, error)
    }
  }

  /** Writes 32 bits at `offset`, in bytes, by a store if it is mapped. */
  write32(offset: number, value: number): void {
    checkNumber(this, value, 4)
    const window = this.#windowAt('write', offset, 4)
    try {
      if (window === null) this.region.write32(offset, value)
      else window.mapping.write32(offset - window.origin, value)
    } catch (error) {
      throw this.#failed('write', offset, 4, error)
    }
  }

  /** Writes 64 bits at `offset`, in bytes, by a store if it is mapped. */
  write64(offset: number, value: bigint): void {
    checkBigint(this, value)
    const window = this.#windowAt('write', offset, 8)
    try {
      if (window === null) this.region.write64(offset, value)
      else window.mapping.write64(offset - window.origin, value)
    } catch (error) {
      throw this.#failed('write', offset, 8, error)
    }
  }

  /**
   * Fills `bytes` from `offset` on, upwards, in accesses of 32 bits and narrower ones at the ends. OUT_OF_RANGE past
   * the end.
   */
  readInto(offset: number, bytes: Uint8Array): void {
    this.#copy('read', offset, bytes)
  }

  /**
   * Writes `bytes` from `offset` on, upwards, in accesses of 32 bits and narrower ones at the ends. OUT_OF_RANGE past
   * the end.
   */
  writeFrom(offset: number, bytes: Uint8Array): void {
    this.#copy('write', offset, bytes)
  }

  /** The registers that a block of `registerBlock` describes, in this region. */
  as<const Specs extends RegisterSpecs>(block: RegisterBlock<Specs>): Registers<Specs> {
    return registersOf(block, this)
  }

  /**
   * For DMA: the mapping that holds the byte at `offset`, if it is there, and how many bytes follow it in the mapping.
   * Throws OUT_OF_RANGE if the byte is trapped or not there.
   */
  mappingAt(offset: number): { readonly mapping: Mapping; readonly offset: number; readonly size: number } {
    const windows = this.#openWindows()
    checked('mappingAt', count, offset, 'its offset')
    const window = windows.find(({ start, end }) => offset >= start && offset < end)
    if (window !== undefined) {
      const at = offset - window.origin
      return { mapping: window.mapping, offset: at, size: window.mapping.length - at }
    }
    throw new VfioError('OUT_OF_RANGE', `byte ${offset} of region ${this.name} of ${this.owner} is not mapped`, {
      facts: { region: this.name, offset, areas: this.areas.map(({ start, end }) => ({ start, end })) },
    })
  }

  /** A dma-buf of the same memory as the mapping that `mappingAt` gives; null if the kernel makes none. */
  dmaBufAt(offset: number): number | null {
    const { mapping, offset: at } = this.mappingAt(offset)
    const start = offset - at
    return exportDmaBuf(this.#device, this.region, { start, end: start + mapping.length })
  }

  /**
   * `dependent` is closed before the mapping is: what other devices reach of it.
   * @internal
   */
  hold(dependent: Dependent): void {
    this.#openWindows()
    checked('hold', v.looseObject({ close: v.function() }), dependent)
    this.#dependents.add(dependent)
  }

  /**
   * For a dependent that closes by itself.
   * @internal
   */
  release(dependent: Dependent): void {
    this.#dependents.delete(dependent)
  }

  /** Idempotent. The region itself stays: it can be accessed trapped, and mapped again. */
  close(): void {
    if (this.#windows === null) return
    this.#windows = null
    this.#device.release(this)
    closeInOrder([...this.#dependents, ...this.#mappings])
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** The window that an allowed access lies in whole; null if it is trapped. */
  #windowAt(way: Way, offset: number, width: 1 | 2 | 4 | 8): Window | null {
    const windows = this.#openWindows()
    checkAccess(this, way, offset, width)
    checkAlignment(this, offset, width)
    for (const window of windows) if (offset >= window.start && offset + width <= window.end) return window
    return null
  }

  #openWindows(): readonly Window[] {
    if (this.#windows !== null) return this.#windows
    throw new VfioError('CLOSED', `the mapping of region ${this.name} of ${this.owner} is closed`, {
      facts: { closed: `region ${this.name}` },
    })
  }

  /** Piece by piece, each in one window or in none. */
  #copy(way: Way, offset: number, bytes: Uint8Array): void {
    const windows = this.#openWindows()
    checkCopy(this, way, offset, bytes)
    const end = offset + bytes.length
    for (let at = offset; at < end; ) {
      const window = windows.find((candidate) => candidate.end > at)
      const isInside = window !== undefined && window.start <= at
      const until = Math.min(end, (isInside ? window.end : window?.start) ?? end)
      const piece = bytes.subarray(at - offset, until - offset)
      if (isInside) this.#copyMapped(way, window, at, piece)
      else if (way === 'read') this.region.readInto(at, piece)
      else this.region.writeFrom(at, piece)
      at = until
    }
  }

  #copyMapped(way: Way, { mapping, origin }: Window, offset: number, bytes: Uint8Array): void {
    try {
      if (way === 'read') mapping.readInto(offset - origin, bytes)
      else mapping.writeFrom(offset - origin, bytes)
    } catch (error) {
      throw this.#failed(way, offset, bytes.length, error)
    }
  }

  #failed(way: Way, offset: number, length: number, error: unknown): unknown {
    return callFailed(goalOf(this, way, offset, length), error, { EFAULT: memoryGone })
  }
}

function mapWindows(region: DeviceRegion, device: Descriptor, msixTable: Area | null): Window[] {
  const { kernel } = device
  const areas = mappableAreas(region, msixTable, kernel.pageSize)
  const access = accessOf(region.flags)
  if (areas.length === 0 || access === null) throw notMappable(region, kernel.pageSize)
  const windows: Window[] = []
  const opened: Mapping[] = []
  for (const area of areas) {
    const offset = Number(region.offset) + area.start
    const length = Math.ceil((area.end - area.start) / kernel.pageSize) * kernel.pageSize
    if (!Number.isSafeInteger(offset + length)) throw notMappable(region, kernel.pageSize)
    const goal = `map ${hex(length)} bytes at ${hex(area.start)} of region ${region.name} of ${region.owner}`
    const mapping = orClose(opened, () => attempt(goal, () => kernel.mmap(device.fd, { offset, length, access })))
    opened.push(mapping)
    const reached = msixTable === null ? [area] : outside([area], msixTable)
    windows.push(...reached.map(({ start, end }) => ({ start, end, mapping, origin: area.start })))
  }
  return windows
}

function accessOf({ read, write }: RegionFlags): 'r' | 'w' | 'rw' | null {
  if (read) return write ? 'rw' : 'r'
  return write ? 'w' : null
}

function notMappable({ name, owner, flags, size, capabilities }: DeviceRegion, pageSize: number): VfioError {
  const isPart = !flags.mmap && size < pageSize
  const reason = isPart ? `: its ${formatSize(size)} may share a page of ${formatSize(pageSize)} with others` : ''
  return new VfioError('NOT_SUPPORTED', `region ${name} of ${owner} cannot be mapped${reason}`, {
    hint: 'its accessors reach it without a mapping',
    facts: { region: name, size, flags: { ...flags }, capabilities: capabilities.map((capability) => capability.name) },
  })
}
