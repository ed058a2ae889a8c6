import { deviceOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import { capabilityName, configHeader, extendedCapabilityName, statusBit } from '../../uapi/pci.ts'
import { type DecodedCapability, decodeCapability } from './pci-capability.ts'

/**
 * A capability of a PCI function: its name ('msi-x', 'pci-express', …; 'unknown' for an id that has none here), what it
 * says, and where it stands. Extended capabilities stand from 0x100 on and have a version; it is null for the others.
 */
export type PciCapability = DecodedCapability & {
  readonly id: number
  readonly offset: number
  readonly version: number | null
}

/**
 * A PCI function's configuration space, decoded: the header's registers by name, and the capabilities in their order.
 */
export interface ConfigSpace {
  readonly header: Readonly<Record<keyof typeof configHeader, number>>
  readonly capabilities: readonly PciCapability[]
  readonly extendedCapabilities: readonly PciCapability[]
}

const firstCapability = 0x40
const extendedStart = 0x100
/** The value that reading an absent function gives. */
const noVendor = 0xffff
/** 'Null capabilities' say nothing. vfio-pci makes one of a hidden extended capability that others come after. */
const nullCapability = 0

/**
 * Decodes the bytes of a configuration space: 256, 4096, or the fewer that some mediated devices give (0xff). Throws
 * MALFORMED_REPLY for a list of capabilities that leaves the space or comes back to itself, and if nothing answers.
 */
export function decodeConfigSpace(bytes: Uint8Array): ConfigSpace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = decodeHeader(view)
  if (header.vendorId === noVendor) {
    throw new VfioError('MALFORMED_REPLY', 'the device does not answer: its configuration space reads as all ones', {
      hint: 'it may be unplugged, or hang: vfioctl reset DEVICE',
    })
  }
  return {
    header,
    capabilities:
      (header.status & statusBit.PCI_STATUS_CAP_LIST) === 0 ? [] : walkStandard(view, header.capabilityPointer),
    extendedCapabilities: decodeExtendedCapabilities(bytes),
  }
}

/** The extended capabilities of a configuration space; none of one of 256 bytes. Throws MALFORMED_REPLY likewise. */
export function decodeExtendedCapabilities(bytes: Uint8Array): PciCapability[] {
  return bytes.length > extendedStart
    ? walkExtended(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    : []
}

function decodeHeader(view: DataView): ConfigSpace['header'] {
  if (view.byteLength < 0x40) {
    throw new VfioError('MALFORMED_REPLY', `${view.byteLength} bytes are too few for a PCI configuration header`)
  }
  const registers = Object.entries(configHeader).map(([name, { offset, width }]) => [name, read(view, offset, width)])
  const header: Partial<Record<keyof typeof configHeader, number>> = Object.fromEntries(registers)
  if (!isWhole(header)) throw new TypeError('the configuration header was not decoded whole')
  return header
}

function isWhole(header: Partial<ConfigSpace['header']>): header is ConfigSpace['header'] {
  return Object.keys(configHeader).every((name) => name in header)
}

function read(view: DataView, offset: number, width: 8 | 16 | 32): number {
  if (width === 8) return view.getUint8(offset)
  return width === 16 ? view.getUint16(offset, deviceOrder) : view.getUint32(offset, deviceOrder)
}

function walkStandard(view: DataView, pointer: number): PciCapability[] {
  const places = new Set<number>()
  const found: PciCapability[] = []
  for (let at = pointer & 0xfc; at !== 0; at = view.getUint8(at + 1) & 0xfc) {
    checkPlace(view, places, at, firstCapability, 2)
    const id = view.getUint8(at)
    if (id === nullCapability) continue
    found.push({ ...decodeCapability(capabilityName(id) ?? 'unknown', view, at), id, offset: at, version: null })
  }
  return found
}

/** Each begins with a u32: id, version (4 bits), next (12 bits). All zeros, or all ones, at 0x100 is none. */
function walkExtended(view: DataView): PciCapability[] {
  const places = new Set<number>()
  const found: PciCapability[] = []
  for (let at = extendedStart; at !== 0; at = (view.getUint32(at, deviceOrder) >>> 20) & 0xffc) {
    checkPlace(view, places, at, extendedStart, 4)
    const word = view.getUint32(at, deviceOrder)
    if (at === extendedStart && word === 0xffff_ffff) return []
    const [id, version] = [word & 0xffff, (word >>> 16) & 0xf]
    if (id === nullCapability) continue
    found.push({ ...decodeCapability(extendedCapabilityName(id) ?? 'unknown', view, at), id, offset: at, version })
  }
  return found
}

/** Adds the place to those that were seen. */
function checkPlace(view: DataView, seen: Set<number>, at: number, lowest: number, size: number): void {
  const outside = at < lowest || at + size > view.byteLength
  if (outside || seen.has(at)) {
    const where = outside ? 'outside the space' : 'back to one before it'
    throw new VfioError('MALFORMED_REPLY', `the list of PCI capabilities leads to ${hex(at)}, ${where}`, {
      facts: { offset: at, size: view.byteLength, before: [...seen] },
    })
  }
  seen.add(at)
}
