import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import { configHeader } from '../../uapi/pci.ts'
import { pciRegionIndex } from '../../uapi/region.ts'
import type { Device } from '../../vfio/device.ts'
import type { Region } from '../../vfio/region/region.ts'
import type { Place, Width } from '../arguments/region.ts'
import { usageError } from '../command/command.ts'

const { VFIO_PCI_BAR5_REGION_INDEX, VFIO_PCI_ROM_REGION_INDEX, VFIO_PCI_VGA_REGION_INDEX } = pciRegionIndex

/** One access to a region: offset in bytes, width in bits. */
export interface Access {
  readonly offset: number
  readonly bits: Width
}

/**
 * The harm of an access that is too narrow: a device may refuse it. x86-64 then reads all ones; on arm64 that is an
 * abort, which in VFIO's read path takes Linux 6.12 down. Never configuration space, nor I/O ports, nor a region that
 * the driver makes up.
 */
function isDeviceMemory(device: Device, { index }: Region): boolean {
  const { pci, ccw, ap } = device.info.flags
  if (!pci) return !ccw && !ap
  if (index <= VFIO_PCI_BAR5_REGION_INDEX) return !isIo(device, index)
  return index === VFIO_PCI_ROM_REGION_INDEX || index === VFIO_PCI_VGA_REGION_INDEX
}

/** The lowest bit of its register says so (PCI_BASE_ADDRESS_SPACE_IO). What cannot be read is taken for memory. */
function isIo(device: Device, bar: number): boolean {
  try {
    return (device.regions.config.read32(configHeader.bar0.offset + 4 * bar) & 1) !== 0
  } catch (error) {
    if (error instanceof VfioError) return false
    throw error
  }
}

/**
 * The width of an access if none is given: that of the register that is named, else 32 bits; less only if the
 * offset asks for it or bytes are wanted, and never in a device's memory: INVALID_ARGUMENT there.
 */
export function widthAt(device: Device, region: Region, place: Place, { bytes }: { bytes: boolean }): Width {
  const { offset, width } = place
  if (width !== null) return width
  if (isDeviceMemory(device, region)) {
    if (!bytes && offset % 4 === 0) return 32
    const what = bytes ? `text in ${region.name}` : `offset ${hex(offset)} of ${region.name}, no multiple of 4`
    throw usageError(
      `${what}: say how wide an access is; it reaches the device, which may take only some widths`,
      '--width 8, 16 or 32, as the device’s manual has it; left out, it is 32 in a memory BAR',
    )
  }
  return bytes ? 8 : widest(offset, region.size)
}

/**
 * The accesses that a range is read in: of `width`, else as `widthAt` has it. Those at its ends may reach beyond it, as
 * none is narrower; OUT_OF_RANGE if one would reach beyond the region.
 */
export function* accessesOf(
  device: Device,
  region: Region,
  range: { readonly from: number; readonly to: number },
  width: Width | undefined,
): Generator<Access> {
  const fixed = width ?? (isDeviceMemory(device, region) ? 32 : null)
  const step = fixed === null ? 1 : fixed / 8
  const end = Math.ceil(range.to / step) * step
  if (end > region.size) throw noWholeAccess(region, range.to, step)
  for (let offset = range.from - (range.from % step); offset < end; ) {
    const bits = fixed ?? widest(offset, end)
    yield { offset, bits }
    offset += bits / 8
  }
}

/** Up to 32 bits. */
function widest(offset: number, end: number): Width {
  const fits = (bytes: number): boolean => offset % bytes === 0 && offset + bytes <= end
  return fits(4) ? 32 : fits(2) ? 16 : 8
}

function noWholeAccess({ name, size }: Region, to: number, step: number): VfioError {
  return new VfioError(
    'OUT_OF_RANGE',
    `region ${name} is ${hex(size)} bytes long: its end is in no aligned access of ${8 * step} bits`,
    {
      hint: `--length up to ${hex(size - (size % step))}, or --width 8 if the device takes that`,
      facts: { region: name, size, to, width: 8 * step },
    },
  )
}
