import { gfxPlaneFlag } from '../../uapi/features.ts'
import { configHeader } from '../../uapi/pci.ts'
import { pciRegionIndex } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import { type KernelTraits, smallestPage } from '../base/kernel-traits.ts'
import { savedField, savedFlag } from '../base/saved.ts'
import { SparseMemory } from '../memory/sparse-memory.ts'
import type { ScenarioModel } from '../scenario/scenario.ts'
import type { DeviceDescription, IrqDescription, RegionDescription } from '../sdk/device-model.ts'
import { SampleConfig } from './sample-config.ts'
import { isWithin, mappable, type PlaneInfo, SampleDisplay } from './sample-display.ts'

/** The display's memory once more, beyond the number of regions that the device says it has. */
const displayRegion = 16
/** DRM_FORMAT_XRGB8888: 4 bytes a pixel. */
export const xrgb8888 = 0x3432_5258
/** Bytes of one pixel. */
export const pixelSize = 4
/** Place of the vendor's capability in configuration space, with format, width and height behind its 4 bytes. */
const capability = { offset: 0x40, size: 0x10 } as const

/**
 * The kernel's sample display with one framebuffer (samples/vfio-mdev/mdpy.c): a gradient from black to white, until
 * something is drawn. A trapped access to it always means its first bytes, wherever it goes.
 */
export class Mdpy extends SampleDisplay {
  protected readonly regions: number = pciRegionIndex.VFIO_PCI_NUM_REGIONS
  protected readonly placed: ReadonlyMap<number, RegionDescription>
  protected readonly planeKind: number = gfxPlaneFlag.VFIO_GFX_PLANE_TYPE_REGION
  readonly #framebuffer: RegionDescription
  readonly #mode: { readonly width: number; readonly height: number }
  #infoAsked: boolean

  constructor(
    mode: Extract<ScenarioModel, { kind: 'mdpy' }>,
    { traits, saved }: { traits: Pick<KernelTraits, 'pageSize'>; saved: unknown },
  ) {
    const { width, height } = mode
    const size = 2 ** Math.ceil(Math.log2(width * height * pixelSize))
    const bar0 = configHeader.bar0.offset
    const config = new SampleConfig({ vendor: 0x1b36, device: 0x000f }, new Map([[bar0, size]]))
    const memory = new SparseMemory(size, savedField(saved, 'memory'), {
      first: (page) => gradient(mode, page),
    })
    const memoryOffset = traits.pageSize
    super(config, memory, memoryOffset)
    this.#mode = mode
    this.#framebuffer = { flags: mappable, size, offset: memoryOffset }
    this.placed = new Map([pciRegionIndex.VFIO_PCI_BAR0_REGION_INDEX, displayRegion].map((i) => [i, this.#framebuffer]))
    this.#infoAsked = savedFlag(saved, 'infoAsked')
    config.set16(configHeader.status.offset, 0x0010)
    config.set32(bar0, 0x0000_0008)
    config.set16(configHeader.capabilityPointer.offset, capability.offset)
    config.set32(capability.offset, (capability.size << 16) | 0x09)
    config.set32(capability.offset + 4, xrgb8888)
    config.set32(capability.offset + 8, width)
    config.set32(capability.offset + 12, height)
    config.restore(savedField(saved, 'config'))
  }

  save(): unknown {
    return { config: this.config.save(), memory: this.memory.save(), infoAsked: this.#infoAsked }
  }

  override info(): DeviceDescription {
    this.#infoAsked = true
    return super.info()
  }

  /** None until GET_INFO was asked once in the device's life: the driver copies the number from its answer. */
  override irq(index: number): IrqDescription {
    if (!this.#infoAsked) throw new Errno('EINVAL')
    return super.irq(index)
  }

  /** Draws the gradient again; what lies behind the last line stays. */
  reset(): void {
    const end = this.#mode.width * this.#mode.height * pixelSize
    for (const [page, bytes] of this.memory.pages()) {
      const drawn = Math.max(0, Math.min(smallestPage, end - page * smallestPage))
      bytes.set(gradient(this.#mode, page).subarray(0, drawn))
    }
  }

  protected load(into: Uint8Array, offset: number): boolean {
    if (!isWithin(this.#framebuffer, offset, into.length)) return false
    this.memory.read(into, 0)
    return true
  }

  protected store(from: Uint8Array, offset: number): boolean {
    if (!isWithin(this.#framebuffer, offset, from.length)) return false
    this.memory.write(from, 0)
    return true
  }

  protected plane(): PlaneInfo {
    const { width, height } = this.#mode
    const { size } = this.memory
    return { drm_format: xrgb8888, width, height, stride: width * pixelSize, size, region_index: displayRegion }
  }
}

/** A page of lines, each of one shade of grey. */
function gradient({ width, height }: { width: number; height: number }, page: number): Uint8Array {
  const bytes = new Uint8Array(smallestPage)
  const stride = width * pixelSize
  for (let at = 0; at < smallestPage; ) {
    const line = Math.floor((page * smallestPage + at) / stride)
    if (line >= height) break
    const next = (line + 1) * stride - page * smallestPage
    bytes.fill(Math.floor((line * 255) / height), at, next)
    at = next
  }
  return bytes
}
