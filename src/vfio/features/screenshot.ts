import { kernelOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { hex, printable } from '../../base/units.ts'
import type { Region } from '../region/region.ts'
import type { Regions } from '../region/regions.ts'

/** A picture as pixels: a byte each of red, green and blue, from the upper left, line by line without padding. */
export interface Screenshot {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** A picture's format and lines, as a plane tells them. */
interface Lines {
  readonly format: string
  readonly modifier: bigint
  readonly width: number
  readonly height: number
  readonly stride: number
}

/** Formats of 4 bytes a pixel (drm_fourcc.h), each with the places of its red, green and blue byte. */
const formats: ReadonlyMap<string, readonly [red: number, green: number, blue: number]> = new Map([
  ['XR24', [2, 1, 0]],
  ['AR24', [2, 1, 0]],
  ['XB24', [0, 1, 2]],
  ['AB24', [0, 1, 2]],
])
const pixelSize = 4
/** More than any screen has, as a bound on memory. */
const mostPixels = 2 ** 26

/**
 * The pixels of a plane that lie in a region from `offset` on. NOT_SUPPORTED, with its name, for a format that is not
 * of 8 bits a colour, or that is tiled; MALFORMED_REPLY for a picture that leaves its region.
 */
export function pixelsOf(plane: Lines, region: Region, offset: number): Screenshot {
  const places = placesOf(plane)
  const { width, height, stride } = plane
  const line = width * pixelSize
  const end = offset + stride * (height - 1) + line
  if (stride < line || width * height > mostPixels || end > region.size) {
    throw new VfioError(
      'MALFORMED_REPLY',
      `a picture of ${width}x${height} pixels with lines of ${stride} bytes does not fit ${region.name} of ${region.owner}`,
      { facts: { width, height, stride, offset, size: region.size } },
    )
  }
  const data = new Uint8Array(width * height * 3)
  const mapped = region.flags.mmap ? region.map() : null
  try {
    const source = mapped ?? region
    const bytes = new Uint8Array(line)
    for (let y = 0; y < height; y++) {
      source.readInto(offset + y * stride, bytes)
      for (let at = 0; at < line; at += pixelSize) {
        for (const [colour, place] of places.entries()) {
          data[(y * width + at / pixelSize) * 3 + colour] = bytes[at + place] ?? 0
        }
      }
    }
  } finally {
    mapped?.close()
  }
  return { width, height, data }
}

function placesOf({ format, modifier }: Lines): readonly number[] {
  const places = formats.get(format)
  if (places !== undefined && modifier === 0n) return places
  const what = places === undefined ? printable(format) : `${format} with the modifier ${hex(modifier)}`
  throw new VfioError(
    'NOT_SUPPORTED',
    `the picture's format is ${what}: ${[...formats.keys()].join(', ')} can be read`,
    {
      hint: 'it has to be linear, with 8 bits a colour',
      facts: { format, modifier: hex(modifier) },
    },
  )
}

/** The vendor and device of a Bochs display, as in its configuration space; its registers in BAR2, 2 bytes each. */
const bochsIds = 0x1111_1234
const panning = { x: 0x510, y: 0x512 } as const

/**
 * The place in video memory of what a Bochs display shows (docs/specs/standard-vga of QEMU); null for any other device.
 * The sample mbochs lets nobody map its dma-bufs, and has its registers in its kernel's byte order.
 */
export function bochsPicture(
  regions: Regions,
  { stride }: Pick<Lines, 'stride'>,
): { region: Region; offset: number } | null {
  if (regions.config.read32(0) !== bochsIds) return null
  const { bar0, bar2 } = regions
  const register = (at: number) => {
    const bytes = new Uint8Array(2)
    bar2.readInto(at, bytes)
    return new DataView(bytes.buffer).getUint16(0, kernelOrder)
  }
  return { region: bar0, offset: register(panning.x) * pixelSize + register(panning.y) * stride }
}
