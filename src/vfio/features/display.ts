import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { kernelOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { drmPlaneType, gfxPlaneFlag, gfxRegion, vfioDeviceGfxPlaneInfo } from '../../uapi/features.ts'
import { request } from '../../uapi/requests.ts'
import { decode, encode } from '../../uapi/struct.ts'
import { orClose } from '../calls/close-in-order.ts'
import { Descriptor } from '../calls/descriptor.ts'
import { askOr, attempt, callFailed } from '../calls/system-call.ts'
import type { Region } from '../region/region.ts'
import type { Regions } from '../region/regions.ts'
import { Edid } from './edid.ts'
import { bochsPicture, pixelsOf, type Screenshot } from './screenshot.ts'

/** The place of a picture: a region of the device, or a dma-buf, which other drivers can show without a copy. */
export type PlaneKind = 'region' | 'dmabuf'
/** The plane of a display (DRM_PLANE_TYPE_*). */
export type PlaneType = 'primary' | 'cursor'

const kindFlags = {
  region: gfxPlaneFlag.VFIO_GFX_PLANE_TYPE_REGION,
  dmabuf: gfxPlaneFlag.VFIO_GFX_PLANE_TYPE_DMABUF,
} as const

const planeType = v.picklist(['primary', 'cursor'] satisfies PlaneType[])
const shownPlane = v.object({ dmabufId: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(0xffff_ffff)) })

/** A picture as it is at this moment (struct vfio_device_gfx_plane_info). */
export interface Plane {
  /** DRM_FORMAT_*: the four characters, 'XR24', and how the pixels are tiled (DRM_FORMAT_MOD_*). */
  readonly format: string
  readonly modifier: bigint
  /** Pixels. */
  readonly width: number
  readonly height: number
  /** Bytes of a line, and of all. */
  readonly stride: number
  readonly size: number
  /** Of a cursor: where it is, and which of its pixels points; null if the device does not say. */
  readonly position: { readonly x: number; readonly y: number }
  readonly hotspot: { readonly x: number; readonly y: number } | null
}

/** A plane whose pixels lie in a region. */
export interface RegionPlane extends Plane {
  readonly region: Region
}

/** A plane whose pixels a dma-buf holds. */
export interface DmabufPlane extends Plane {
  /** For `openDmabuf`; the same as long as the picture has the same place and shape. */
  readonly dmabufId: number
}

/** The screen of a virtual graphics device. */
export class Display {
  readonly #device: Descriptor
  readonly #regions: Regions

  constructor(device: Descriptor, regions: Regions) {
    this.#device = device
    this.#regions = regions
  }

  /** The ways in which it shows its pictures; none of a device without a display. */
  kinds(): readonly PlaneKind[] {
    return (['region', 'dmabuf'] as const).filter((kind) => this.#shows(kind))
  }

  /** The monitor that its guest sees. Throws NOT_SUPPORTED if that cannot be told. */
  get edid(): Edid {
    const { VFIO_REGION_TYPE_GFX: type, VFIO_REGION_SUBTYPE_GFX_EDID: subtype } = gfxRegion
    try {
      return new Edid(this.#regions.ofType(type, subtype))
    } catch (cause) {
      if (!(cause instanceof VfioError) || cause.code !== 'NOT_FOUND') throw cause
      throw new VfioError('NOT_SUPPORTED', `${this.#device.what} has no EDID that could be set`, { cause })
    }
  }

  /** The picture in a region; null while nothing is shown. Throws NOT_SUPPORTED if it shows none that way. */
  regionPlane(type: PlaneType = 'primary'): RegionPlane | null {
    const info = this.#query('region', type)
    return info === null ? null : { ...planeOf(info), region: this.#regions.get(info.region_index) }
  }

  /** The picture in a dma-buf; null while nothing is shown. Throws NOT_SUPPORTED if it shows none that way. */
  dmabufPlane(type: PlaneType = 'primary'): DmabufPlane | null {
    const info = this.#query('dmabuf', type)
    return info === null ? null : { ...planeOf(info), dmabufId: info.dmabuf_id }
  }

  /**
   * The pixels of its primary plane; null while nothing is shown. They are read while the device may draw.
   * NOT_SUPPORTED without a display, for a format that is none of XR24, AR24, XB24, AB24 or is tiled, and for a picture
   * in a dma-buf of anything but a Bochs display, whose video memory has it too. MALFORMED_REPLY if the picture leaves
   * its region.
   */
  screenshot(): Screenshot | null {
    const kinds = this.kinds()
    if (kinds.includes('dmabuf') && !kinds.includes('region')) {
      const plane = this.dmabufPlane()
      if (plane === null) return null
      const found = bochsPicture(this.#regions, plane)
      if (found !== null) return pixelsOf(plane, found.region, found.offset)
      throw new VfioError(
        'NOT_SUPPORTED',
        `${this.#device.what} has its picture in a dma-buf, which only drivers read`,
        {
          facts: { kinds },
        },
      )
    }
    const plane = this.regionPlane()
    return plane === null ? null : pixelsOf(plane, plane.region, 0)
  }

  /** VFIO_DEVICE_GET_GFX_DMABUF. Throws NOT_FOUND if the picture has gone meanwhile. */
  openDmabuf(plane: Pick<DmabufPlane, 'dmabufId'>): Dmabuf {
    const { dmabufId } = checked('openDmabuf', shownPlane, plane)
    const { kernel, what } = this.#device
    const id = new Uint8Array(4)
    new DataView(id.buffer).setUint32(0, dmabufId, kernelOrder)
    const fd = attempt(
      `open dma-buf ${dmabufId} of ${what}`,
      () => this.#device.ioctl(request.VFIO_DEVICE_GET_GFX_DMABUF, id),
      {
        ENOENT: () => ({ code: 'NOT_FOUND', because: 'it shows no such picture (any more)', facts: { dmabufId } }),
        ENOTTY: () => ({ code: 'NOT_SUPPORTED', because: 'it shows nothing in dma-bufs' }),
      },
    )
    const descriptor = new Descriptor(kernel, fd, `dma-buf ${dmabufId} of ${what}`)
    return orClose([descriptor], () => new Dmabuf(descriptor, this.#device))
  }

  #shows(kind: PlaneKind): boolean {
    const probe = () => this.#call(gfxPlaneFlag.VFIO_GFX_PLANE_TYPE_PROBE | kindFlags[kind], drmPlaneType.primary)
    return askOr(`ask ${this.#device.what} for its display`, probe, ['EINVAL', 'ENOTTY'], null) !== null
  }

  #query(kind: PlaneKind, type: PlaneType): ReturnType<typeof decodePlane> | null {
    checked(`${kind}Plane`, planeType, type)
    const goal = `ask ${this.#device.what} for its ${type} plane`
    let info: ReturnType<typeof decodePlane>
    try {
      info = this.#callTwice(kindFlags[kind], drmPlaneType[type])
    } catch (error) {
      if (failedWith(error, 'EINVAL', 'ENOTTY') && !this.#shows(kind)) {
        throw new VfioError('NOT_SUPPORTED', `cannot ${goal}: it shows nothing by ${kind}`, {
          facts: { kind, kinds: this.kinds() },
          cause: error,
        })
      }
      throw callFailed(goal, error)
    }
    return info.size === 0 || info.width === 0 || info.height === 0 ? null : info
  }

  /** mbochs makes the place for a new picture at the first question, says ENOMEM, and answers the second. */
  #callTwice(flags: number, type: number): ReturnType<typeof decodePlane> {
    try {
      return this.#call(flags, type)
    } catch (error) {
      if (!failedWith(error, 'ENOMEM')) throw error
      return this.#call(flags, type)
    }
  }

  #call(flags: number, drm_plane_type: number): ReturnType<typeof decodePlane> {
    const argsz = vfioDeviceGfxPlaneInfo.size
    const bytes = encode(vfioDeviceGfxPlaneInfo, { argsz, flags, drm_plane_type })
    this.#device.ioctl(request.VFIO_DEVICE_QUERY_GFX_PLANE, bytes)
    return decodePlane(bytes)
  }
}

/** An open dma-buf: a descriptor to hand to whoever shows it. Closed with its device at the latest. */
export class Dmabuf implements Disposable {
  readonly #descriptor: Descriptor
  readonly #device: Descriptor

  /** `Display.openDmabuf` is what makes one. */
  constructor(descriptor: Descriptor, device: Descriptor) {
    this.#descriptor = descriptor
    this.#device = device
    device.hold(this)
  }

  /** Throws CLOSED after close. Close-on-exec, and to be read only. */
  get fd(): number {
    return this.#descriptor.fd
  }

  /** True once the dma-buf is closed here; whoever imported it keeps it. */
  get closed(): boolean {
    return this.#descriptor.closed
  }

  /** Idempotent. */
  close(): void {
    this.#device.release(this)
    this.#descriptor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function decodePlane(bytes: Uint8Array) {
  return decode(vfioDeviceGfxPlaneInfo, bytes)
}

const noHotspot = 0xffff_ffff

function planeOf(info: ReturnType<typeof decodePlane>): Plane {
  const { width, height, stride, size, x_hot, y_hot } = info
  const isPointing = x_hot !== noHotspot || y_hot !== noHotspot
  return {
    format: fourCharacters(info.drm_format),
    modifier: info.drm_format_mod,
    width,
    height,
    stride,
    size,
    position: { x: info.x_pos, y: info.y_pos },
    hotspot: isPointing ? { x: x_hot, y: y_hot } : null,
  }
}

/** As the letters that the number is made of; in hex if they are none. */
function fourCharacters(format: number): string {
  const text = String.fromCharCode(...[0, 8, 16, 24].map((shift) => (format >>> shift) & 0xff))
  return /^[ -~]{4}$/.test(text) ? text : `0x${format.toString(16).padStart(8, '0')}`
}
