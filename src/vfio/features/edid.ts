import { checkBytes } from '../../base/arguments.ts'
import { kernelOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { gfxLinkState, vfioRegionGfxEdid } from '../../uapi/features.ts'
import type { Region } from '../region/region.ts'

const blockSize = 128

const offsetOf = (field: keyof typeof vfioRegionGfxEdid.fields) => vfioRegionGfxEdid.fields[field][0]

/**
 * The monitor of a virtual display, as its guest sees it: struct vfio_region_gfx_edid and the EDID behind it, in a
 * region of the device.
 */
export class Edid {
  /** Pixels that the display can show at most; 0 if it sets no limit. */
  readonly maxWidth: number
  readonly maxHeight: number
  /** Bytes of the EDID at most. */
  readonly maxSize: number
  readonly #region: Region
  readonly #offset: number

  /** Throws MALFORMED_REPLY if the place for the EDID lies outside the region. */
  constructor(region: Region) {
    this.#region = region
    this.maxWidth = this.#read('max_xres')
    this.maxHeight = this.#read('max_yres')
    this.maxSize = this.#read('edid_max_size')
    this.#offset = this.#read('edid_offset')
    if (this.#offset < vfioRegionGfxEdid.size || this.#offset + this.maxSize > region.size) {
      throw new VfioError('MALFORMED_REPLY', `the EDID of ${region.owner} lies outside its region`, {
        facts: { offset: this.#offset, maxSize: this.maxSize, regionSize: region.size },
      })
    }
  }

  /** True if a monitor is plugged in. */
  get plugged(): boolean {
    return this.#read('link_state') === gfxLinkState.VFIO_DEVICE_GFX_LINK_STATE_UP
  }

  /** The EDID that is set; empty if none is. */
  read(): Uint8Array {
    const size = this.#read('edid_size')
    if (size > this.maxSize) {
      throw new VfioError('MALFORMED_REPLY', `the EDID of ${this.#region.owner} cannot be ${size} bytes long`, {
        facts: { size, maxSize: this.maxSize },
      })
    }
    const bytes = new Uint8Array(size)
    this.#region.readInto(this.#offset, bytes)
    return bytes
  }

  /**
   * Plugs in a monitor with this EDID, out before and in again: that is how a guest notices. Throws INVALID_ARGUMENT if
   * the bytes are not whole blocks of 128, each with its checksum, or too many.
   */
  plug(edid: Uint8Array): void {
    checkBytes('plug', edid)
    const fault = faultOf(edid, this.maxSize)
    if (fault !== null) {
      throw new VfioError('INVALID_ARGUMENT', `this is not an EDID for ${this.#region.owner}: ${fault}`, {
        facts: { size: edid.length, maxSize: this.maxSize },
      })
    }
    this.unplug()
    this.#region.writeFrom(this.#offset, edid)
    this.#write('edid_size', edid.length)
    this.#write('link_state', gfxLinkState.VFIO_DEVICE_GFX_LINK_STATE_UP)
  }

  /** The display has no monitor. */
  unplug(): void {
    this.#write('link_state', gfxLinkState.VFIO_DEVICE_GFX_LINK_STATE_DOWN)
  }

  /** A struct of the kernel's, in a region: its numbers are the kernel's, not a device's. */
  #read(field: keyof typeof vfioRegionGfxEdid.fields): number {
    const bytes = new Uint8Array(4)
    this.#region.readInto(offsetOf(field), bytes)
    return new DataView(bytes.buffer).getUint32(0, kernelOrder)
  }

  #write(field: 'edid_size' | 'link_state', value: number): void {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value, kernelOrder)
    this.#region.writeFrom(offsetOf(field), bytes)
  }
}

function faultOf(edid: Uint8Array, maxSize: number): string | null {
  if (edid.length === 0 || edid.length % blockSize !== 0) return `${edid.length} bytes are not blocks of ${blockSize}`
  if (edid.length > maxSize) return `${edid.length} bytes are more than the ${maxSize} it has room for`
  for (let at = 0; at < edid.length; at += blockSize) {
    const sum = edid.subarray(at, at + blockSize).reduce((total, byte) => total + byte, 0)
    if (sum % 256 !== 0) return `the checksum of block ${at / blockSize} is wrong`
  }
  return null
}
