import { kernelOrder } from '../../base/byte-order.ts'
import type { PageSize } from '../base/kernel-traits.ts'
import type { ScenarioModel } from '../scenario/scenario.ts'
import type { MemoryRegion } from '../sdk/memory-region.ts'

/** u32 of the region's place in its list, and of the page's number in it. */
const pageHeader = 8
/** u32 magic, vendor and device, subsystem, MiB of framebuffer: a vGPU of another type is another device. */
const headerSize = 16
const magic = 0x7570_6776

/** A page that was written, for the stream of a migration. */
export interface Page {
  readonly region: MemoryRegion
  readonly offset: number
  readonly bytes: Uint8Array
}

/** The first bytes of a stream: the vGPU that it is of. */
export function header(model: Extract<ScenarioModel, { kind: 'vgpu' }>): Uint8Array {
  const view = new DataView(new ArrayBuffer(headerSize))
  view.setUint32(0, magic, kernelOrder)
  view.setUint16(4, model.vendor, kernelOrder)
  view.setUint16(6, model.device, kernelOrder)
  view.setUint16(8, model.subsystemVendor, kernelOrder)
  view.setUint16(10, model.subsystemDevice, kernelOrder)
  view.setUint32(12, model.framebufferMiB, kernelOrder)
  return new Uint8Array(view.buffer)
}

/** True if a stream begins with the header of the device's own model. */
export function isHeader(data: Uint8Array, own: Uint8Array): boolean {
  return Buffer.compare(data.subarray(0, own.length), own) === 0
}

/** The pages that were written, and how many they are. */
export function writePages(regions: readonly MemoryRegion[]): Uint8Array {
  const pieces: Uint8Array[] = []
  for (const [place, region] of regions.entries()) {
    for (const [number, bytes] of region.pages()) {
      const view = new DataView(new ArrayBuffer(pageHeader))
      view.setUint32(0, place, kernelOrder)
      view.setUint32(4, number, kernelOrder)
      pieces.push(new Uint8Array(view.buffer), bytes)
    }
  }
  const count = new DataView(new ArrayBuffer(4))
  count.setUint32(0, pieces.length / 2, kernelOrder)
  return Buffer.concat([new Uint8Array(count.buffer), ...pieces])
}

/** Null if they are not whole, too many, or of no page that is there. */
export function readPages(data: Uint8Array, regions: readonly MemoryRegion[], pageSize: PageSize): Page[] | null {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const count = data.length < 4 ? -1 : view.getUint32(0, kernelOrder)
  if (data.length !== 4 + count * (pageHeader + pageSize)) return null
  const pages: Page[] = []
  for (let at = 4; at < data.length; at += pageHeader + pageSize) {
    const region = regions[view.getUint32(at, kernelOrder)]
    const offset = view.getUint32(at + 4, kernelOrder) * pageSize
    if (region === undefined || offset + pageSize > region.size) return null
    pages.push({ region, offset, bytes: data.subarray(at + pageHeader, at + pageHeader + pageSize) })
  }
  return pages
}
