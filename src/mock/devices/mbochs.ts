import { kernelOrder } from '../../base/byte-order.ts'
import { gfxPlaneFlag, gfxRegion } from '../../uapi/features.ts'
import { configHeader } from '../../uapi/pci.ts'
import { pciRegionIndex, regionFlag, vfioRegionInfo } from '../../uapi/region.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { savedField, savedNumber } from '../base/saved.ts'
import { bufferArgument, structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import { SparseMemory } from '../memory/sparse-memory.ts'
import type { ScenarioModel } from '../scenario/scenario.ts'
import type { RegionDescription } from '../sdk/device-model.ts'
import type { CallingProcess } from '../sdk/feature.ts'
import { typeCapability } from '../sdk/region.ts'
import { DmabufFile, Dmabufs, type Mode } from './mbochs-dmabuf.ts'
import { MbochsEdid } from './mbochs-edid.ts'
import { pixelSize, xrgb8888 } from './mdpy.ts'
import { SampleConfig } from './sample-config.ts'
import { isWithin, mappable, type PlaneInfo, SampleDisplay, trapped } from './sample-display.ts'

const { VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR2_REGION_INDEX } = pciRegionIndex
const edidRegion = 9

/**
 * Within BAR2: the EDID, and the registers of Bochs VBE, each 2 bytes, which the sample takes in its kernel's order.
 */
const edidEnd = 0x400
const vbeOffset = 0x500
const vbeEnd = 0x516
const vbe = {
  id: 0,
  width: 1,
  height: 2,
  bits: 3,
  enable: 4,
  virtualWidth: 6,
  x: 8,
  y: 9,
  memory: 10,
  count: 11,
} as const
const bochsId = 0xb0c5
const smallest = 64

/** The kernel's sample display of Bochs' kind (samples/vfio-mdev/mbochs.c): modes, an EDID, pictures in dma-bufs. */
export class Mbochs extends SampleDisplay {
  protected readonly regions: number = 10
  protected readonly placed: ReadonlyMap<number, RegionDescription>
  protected readonly planeKind: number = gfxPlaneFlag.VFIO_GFX_PLANE_TYPE_DMABUF
  /** Only of a kernel whose mbochs answers for its regions itself. */
  readonly regionInfo?: (argument: IoctlArgument) => number
  readonly #edid: MbochsEdid
  readonly #dmabufs: Dmabufs
  /** A page each, one after the other; the video memory is behind them. */
  readonly #registers: RegionDescription
  readonly #edidPlace: RegionDescription
  readonly #memoryOffset: number
  readonly #vbe = new Uint16Array(vbe.count)

  constructor(
    model: Extract<ScenarioModel, { kind: 'mbochs' }>,
    { traits, saved }: { traits: KernelTraits; saved: unknown },
  ) {
    const size = model.megabytes * 2 ** 20
    const { bar0, bar2 } = configHeader
    const page = traits.pageSize
    const bars = new Map([
      [bar0.offset, size],
      [bar2.offset, page],
    ])
    const memoryOffset = 3 * page
    const config = new SampleConfig({ vendor: 0x1234, device: 0x1111 }, bars)
    super(config, new SparseMemory(size, null), memoryOffset)
    config.set32(bar0.offset, 0x0000_0008)
    config.restore(savedField(saved, 'config'))
    this.#registers = { flags: trapped, size: page, offset: page }
    this.#edidPlace = { flags: trapped, size: page, offset: 2 * page }
    this.#memoryOffset = memoryOffset
    this.#edid = new MbochsEdid({ ...model, blobOffset: page / 2 }, savedField(saved, 'edid'))
    this.#dmabufs = new Dmabufs(savedNumber(saved, 'nextId', 1, 0xffff_ffff))
    this.placed = new Map([
      [VFIO_PCI_BAR0_REGION_INDEX, { flags: mappable, size, offset: memoryOffset }],
      [VFIO_PCI_BAR2_REGION_INDEX, this.#registers],
      [edidRegion, { ...this.#edidPlace, capabilities: edidCapability }],
    ])
    if (!traits.coreDescribesRegions) this.regionInfo = (argument) => this.#answerForRegion(argument)
    this.reset()
    for (const index of this.#vbe.keys()) {
      this.#vbe[index] = savedNumber(savedField(saved, 'vbe'), String(index), this.#vbe[index] ?? 0, 0xffff)
    }
  }

  /** The video memory is given back when the device is closed, and the pictures with it. */
  save(): unknown {
    const { nextId } = this.#dmabufs
    return { config: this.config.save(), edid: this.#edid.save(), vbe: { ...this.#vbe }, nextId }
  }

  close(): void {
    this.memory.clear()
    this.#dmabufs.clear()
  }

  reset(): void {
    this.#vbe.fill(0)
    this.#vbe[vbe.id] = bochsId
    this.#vbe[vbe.memory] = this.memory.size / 2 ** 16
  }

  override ioctl(request: number, argument: IoctlArgument, process: CallingProcess): number {
    if (request !== requests.VFIO_DEVICE_GET_GFX_DMABUF) return super.ioctl(request, argument, process)
    const bytes = bufferArgument(argument, 4)
    const mode = this.#dmabufs.get(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, kernelOrder))
    if (mode === undefined) throw new Errno('ENOENT')
    return process.fds.add(new DmabufFile(mode.size))
  }

  protected load(into: Uint8Array, offset: number): boolean {
    const [registers, edid] = [this.#registers, this.#edidPlace]
    if (isWithin(registers, offset, into.length)) this.#loadRegister(into, offset - registers.offset)
    else if (isWithin(edid, offset, into.length)) this.#edid.read(into, offset - edid.offset)
    else if (this.#isMemory(offset, into.length)) this.#loadMemory(into, offset - registers.offset)
    else return false
    return true
  }

  protected store(from: Uint8Array, offset: number): boolean {
    const [registers, edid] = [this.#registers, this.#edidPlace]
    if (isWithin(registers, offset, from.length)) this.#storeRegister(from, offset - registers.offset)
    else if (isWithin(edid, offset, from.length)) this.#edid.write(from, offset - edid.offset)
    else if (this.#isMemory(offset, from.length)) this.#storeMemory(from, offset - registers.offset)
    else return false
    return true
  }

  /** Nothing while the display is off, in a mode it does not do, or of another plane than the primary one. */
  protected plane(isPrimary: boolean): PlaneInfo {
    const mode = isPrimary ? this.#mode() : null
    if (mode === null) return { drm_format: 0, width: 0, height: 0, stride: 0, size: 0, dmabuf_id: 0 }
    const id = this.#dmabufs.idOf(mode)
    if (id === null) throw new Errno('ENOMEM')
    const { width, height, stride, size } = mode
    return { drm_format: xrgb8888, width, height, stride, size, dmabuf_id: id }
  }

  #mode(): Mode | null {
    const value = (index: number) => this.#vbe[index] ?? 0
    const [width, height] = [value(vbe.width), value(vbe.height)]
    const stride = Math.max(width, value(vbe.virtualWidth)) * pixelSize
    const size = stride * height
    const offset = value(vbe.x) * pixelSize + value(vbe.y) * stride
    const isOn = (value(vbe.enable) & 1) !== 0 && value(vbe.bits) === 8 * pixelSize
    const isBigEnough = width >= smallest && height >= smallest
    return isOn && isBigEnough && offset + size <= this.memory.size ? { width, height, stride, size, offset } : null
  }

  #loadRegister(into: Uint8Array, offset: number): void {
    into.fill(0)
    if (offset < edidEnd) this.#edid.show(into, offset)
    else if (isVbe(offset, into.length)) {
      const view = new DataView(into.buffer, into.byteOffset)
      view.setUint16(0, this.#vbe[(offset - vbeOffset) / 2] ?? 0, kernelOrder)
    }
  }

  #storeRegister(from: Uint8Array, offset: number): void {
    if (!isVbe(offset, from.length)) return
    this.#vbe[(offset - vbeOffset) / 2] = new DataView(from.buffer, from.byteOffset).getUint16(0, kernelOrder)
  }

  #isMemory(offset: number, length: number): boolean {
    return isWithin({ flags: mappable, size: this.memory.size, offset: this.#memoryOffset }, offset, length)
  }

  /** The driver counts from the registers: the last two pages reach past its list of pages, nothing here. */
  #loadMemory(into: Uint8Array, offset: number): void {
    into.fill(0)
    if (offset + into.length <= this.memory.size) this.memory.read(into, offset)
  }

  #storeMemory(from: Uint8Array, offset: number): void {
    if (offset + from.length <= this.memory.size) this.memory.write(from, offset)
  }

  /** The driver's own answer: as many bytes as were asked for, of a struct with the capability behind it. */
  #answerForRegion(argument: IoctlArgument): number {
    const { bytes, values } = structArgument(vfioRegionInfo, argument, vfioRegionInfo.size)
    const whole = new Uint8Array(vfioRegionInfo.size + edidCapability.length)
    if (values.argsz > whole.length) throw new Errno('EINVAL')
    whole.set(bytes.subarray(0, vfioRegionInfo.size))
    const { flags, size, offset, capabilities } = this.region(values.index)
    encodeInto(vfioRegionInfo, whole, { flags, size: BigInt(size), offset: BigInt(offset) })
    if (capabilities !== undefined) {
      const { VFIO_REGION_INFO_FLAG_CAPS } = regionFlag
      const chain = { argsz: whole.length, cap_offset: vfioRegionInfo.size, flags: flags | VFIO_REGION_INFO_FLAG_CAPS }
      encodeInto(vfioRegionInfo, whole, chain)
      whole.set(capabilities, vfioRegionInfo.size)
    }
    bytes.set(whole.subarray(0, values.argsz))
    return 0
  }
}

const { VFIO_REGION_TYPE_GFX, VFIO_REGION_SUBTYPE_GFX_EDID } = gfxRegion
const edidCapability = typeCapability(VFIO_REGION_TYPE_GFX, VFIO_REGION_SUBTYPE_GFX_EDID)

function isVbe(offset: number, length: number): boolean {
  return length === 2 && offset % 2 === 0 && offset >= vbeOffset && offset < vbeEnd
}
