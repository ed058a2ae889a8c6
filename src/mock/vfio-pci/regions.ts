import { deviceOrder } from '../../base/byte-order.ts'
import type { Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { capabilityBit, capabilityRegister } from '../../uapi/pci.ts'
import { pciRegionIndex, regionCapability, regionFlag } from '../../uapi/region.ts'
import { encode, vfioInfoCapHeader } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits, PageSize } from '../base/kernel-traits.ts'
import { BarMapping, type MappedDevice } from '../memory/bar-mapping.ts'
import { singleAccesses } from '../memory/single-accesses.ts'
import type { ScenarioPciFunction } from '../scenario/scenario.ts'
import type { ConfigSpace } from '../sdk/config-space.ts'
import type { ModelIoeventfd, RegionDescription } from '../sdk/device-model.ts'
import type { PciFunctionModel } from '../sdk/pci-function.ts'
import { regionOffset, splitOffset } from '../sdk/region.ts'
import { barMemory } from './bar-memory.ts'

/** Bytes of one entry. */
const msixEntry = 16

/** Part of a BAR: where the MSI-X table lies, which is the kernel's. */
export interface MsixTable {
  readonly bar: number
  readonly start: number
  readonly end: number
}

/** Null if the function has none. */
function msixTable(config: ConfigSpace): MsixTable | null {
  const capability = config.find('msi-x')
  if (capability === null) return null
  const table = config.read32(capability + capabilityRegister.PCI_MSIX_TABLE)
  const flags = config.read16(capability + capabilityRegister.PCI_MSIX_FLAGS)
  const entries = (flags & capabilityBit.PCI_MSIX_FLAGS_QSIZE) + 1
  const start = (table & ~capabilityBit.PCI_MSIX_TABLE_BIR) >>> 0
  return { bar: table & capabilityBit.PCI_MSIX_TABLE_BIR, start, end: start + entries * msixEntry }
}

const { VFIO_PCI_ROM_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_VGA_REGION_INDEX } = pciRegionIndex
const { VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, VFIO_REGION_INFO_FLAG_MMAP } = regionFlag

/** The function behind the regions at the moment. */
interface Behind {
  readonly function: () => PciFunctionModel
  /** True if its memory answers whoever does not come through the driver. */
  readonly answers: () => boolean
}

/** The BARs and the ROM of one function, as vfio-pci gives them out: trapped, mapped, and written by eventfds. */
export class PciRegions {
  readonly #what: ScenarioPciFunction
  readonly #config: ConfigSpace
  readonly #behind: Behind
  readonly #widest: 4 | 8
  readonly #pageSize: PageSize
  readonly #msixTable: MsixTable | null
  readonly #barsWithinPages: ReadonlySet<number>

  constructor(
    what: ScenarioPciFunction,
    config: ConfigSpace,
    behind: Behind,
    { trapsQuadwords, pageSize }: Pick<KernelTraits, 'trapsQuadwords' | 'pageSize'>,
  ) {
    this.#what = what
    this.#config = config
    this.#behind = behind
    this.#widest = trapsQuadwords ? 8 : 4
    this.#pageSize = pageSize
    this.#msixTable = msixTable(config)
    this.#barsWithinPages = barsWithinPages(what, config, pageSize)
  }

  /** EINVAL for an index that the device does not know. */
  describe(index: number): RegionDescription {
    const offset = regionOffset(index)
    const size = this.#sizeOf(index)
    if (size === null) throw new Errno('EINVAL')
    if (size === 0) return { flags: 0, size, offset }
    if (index === VFIO_PCI_ROM_REGION_INDEX) return { flags: VFIO_REGION_INFO_FLAG_READ, size, offset }
    const flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE
    if (!this.#isMappable(index)) return { flags, size, offset }
    const mappable = { flags: flags | VFIO_REGION_INFO_FLAG_MMAP, size, offset }
    if (this.#msixTable?.bar !== index) return mappable
    const id = regionCapability.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE
    return { ...mappable, capabilities: encode(vfioInfoCapHeader, { id, version: 1, next: 0 }) }
  }

  read(into: Uint8Array, index: number, within: number): number {
    const length = this.#clamp(index, within, into.length)
    for (const { at, width, isTable } of this.#accesses(index, within, length)) {
      const piece = into.subarray(at, at + width)
      if (isTable) piece.fill(0xff)
      else this.#load(index, within + at, piece)
    }
    return length
  }

  write(from: Uint8Array, index: number, within: number): number {
    if (index === VFIO_PCI_ROM_REGION_INDEX) throw new Errno('EINVAL')
    const length = this.#clamp(index, within, from.length)
    for (const { at, width, isTable } of this.#accesses(index, within, length)) {
      if (!isTable) this.#behind.function().store(index, within + at, from.subarray(at, at + width))
    }
    return length
  }

  map({ offset, length, access }: MmapOptions): Mapping {
    const { index, within } = splitOffset(offset)
    const size = this.#sizeOf(index) ?? 0
    const pageSize = this.#pageSize
    const room = Math.ceil(size / pageSize) * pageSize
    const whole = Math.ceil(length / pageSize) * pageSize
    const isPage = offset % pageSize === 0 && length > 0
    if (!isPage || !this.#isMappable(index) || within + whole > room) throw new Errno('EINVAL')
    return new BarMapping(this.#memoryOf(index, within), whole, access)
  }

  /** The memory of a BAR, for others of the machine; null if it has none. */
  memory(index: number): { device: MappedDevice; size: number } | null {
    return this.#isMappable(index) ? { device: this.#memoryOf(index, 0), size: this.#sizeOf(index) ?? 0 } : null
  }

  /** The write that an eventfd is to do. */
  eventfdWrite({ offset, width, data }: ModelIoeventfd): () => void {
    const { index, within } = splitOffset(offset)
    const end = within + width
    const table = this.#msixTable?.bar === index ? this.#msixTable : null
    const isInTable = table !== null && end > table.start && within < table.end
    if (index >= VFIO_PCI_ROM_REGION_INDEX || end > (this.#sizeOf(index) ?? 0) || isInTable) throw new Errno('EINVAL')
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, data, deviceOrder)
    const written = bytes.subarray(0, width)
    return () => {
      if (this.#config.isIo(index) || this.#config.isMemoryOn) this.#behind.function().store(index, within, written)
    }
  }

  #memoryOf(index: number, start: number): MappedDevice {
    return barMemory({
      size: this.#sizeOf(index) ?? 0,
      start,
      answers: this.#behind.answers,
      load: (offset, into) => this.#behind.function().load(index, offset, into),
      store: (offset, from) => this.#behind.function().store(index, offset, from),
    })
  }

  /** Null for an index that the device does not know. */
  #sizeOf(index: number): number | null {
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#config.size
    if (index === VFIO_PCI_ROM_REGION_INDEX) return this.#what.rom
    return index >= VFIO_PCI_VGA_REGION_INDEX ? null : (this.#what.bars[String(index)] ?? 0)
  }

  #isMappable(index: number): boolean {
    const isBar = index < VFIO_PCI_ROM_REGION_INDEX && this.#what.bars[String(index)] !== undefined
    return isBar && !this.#config.isIo(index) && !this.#barsWithinPages.has(index)
  }

  /** EINVAL past the end; what reaches over it is cut short. EIO if memory decoding is off. */
  #clamp(index: number, within: number, wanted: number): number {
    const size = this.#sizeOf(index)
    if (size === null || within >= size) throw new Errno('EINVAL')
    const isIo = index < VFIO_PCI_ROM_REGION_INDEX && this.#config.isIo(index)
    if (!isIo && !this.#config.isMemoryOn) throw new Errno('EIO')
    return Math.min(wanted, size - within)
  }

  /** The kernel does not let the MSI-X table be read or written. */
  *#accesses(
    index: number,
    within: number,
    length: number,
  ): Generator<{ at: number; width: number; isTable: boolean }> {
    const table = this.#msixTable?.bar === index ? this.#msixTable : null
    const isTable = (at: number) => table !== null && within + at >= table.start && within + at < table.end
    for (const { at, width } of singleAccesses(within, length, this.#widest)) yield { at, width, isTable: isTable(at) }
  }

  /** The ROM begins with its signature; what follows is not modelled. */
  #load(index: number, offset: number, into: Uint8Array): void {
    if (index !== VFIO_PCI_ROM_REGION_INDEX) this.#behind.function().load(index, offset, into)
    else for (const at of into.keys()) into[at] = [0x55, 0xaa][offset + at] ?? 0
  }
}

/** BARs that begin inside a page, where another may be too: the kernel lets none be mapped. */
function barsWithinPages({ bars }: ScenarioPciFunction, config: ConfigSpace, pageSize: PageSize): Set<number> {
  const inside = Object.entries(bars).filter(
    ([bar, size]) => size < pageSize && config.barAddress(Number(bar)) % pageSize !== 0,
  )
  return new Set(inside.map(([bar]) => Number(bar)))
}
