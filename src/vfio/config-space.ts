import { VfioError } from '../errors.ts'
import { capabilityIds, extendedCapabilityIds } from '../uapi/pci-capability-ids.ts'
import { statusCapabilityList } from '../uapi/pci-command.ts'
import { configHeader } from '../uapi/pci-regs.ts'
import { hex } from '../units.ts'
import { decodeCapability, type PciCapabilityFields } from './pci-capability.ts'

/** A capability of a PCI function: its name, its place in configuration space, and what it says. */
export interface PciCapability {
  readonly id: number
  /** 'msi-x', 'pci-express', …; 'unknown' for an id that we have no name for. */
  readonly name: string
  readonly offset: number
  /** Extended capabilities stand above 0x100 and have a version; null for the others. */
  readonly version: number | null
  readonly fields: PciCapabilityFields
}

/** A PCI function's configuration space, decoded: the header's registers by name, and the capabilities in their order. */
export interface ConfigSpace {
  readonly header: Readonly<Record<keyof typeof configHeader, number>>
  readonly capabilities: readonly PciCapability[]
  readonly extendedCapabilities: readonly PciCapability[]
}

const firstCapability = 0x40
const extendedStart = 0x100
/** A capability is at least four bytes, so a list cannot be longer. */
const mostCapabilities = 1024

/**
 * Decodes the bytes of a configuration space: 256, 4096, or the fewer that some mediated devices give (0xff). A list of
 * capabilities that leaves the space, or comes back to itself, is KERNEL_ANSWER.
 */
export function decodeConfigSpace(bytes: Uint8Array): ConfigSpace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = decodeHeader(view)
  return {
    header,
    capabilities: (header.status & statusCapabilityList) === 0 ? [] : walkStandard(view, header.capabilityPointer),
    extendedCapabilities: bytes.length > extendedStart ? walkExtended(view) : [],
  }
}

function decodeHeader(view: DataView): ConfigSpace['header'] {
  if (view.byteLength < 0x40) {
    throw new VfioError('KERNEL_ANSWER', `${view.byteLength} bytes are too few for a PCI configuration header`)
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
  return width === 16 ? view.getUint16(offset, true) : view.getUint32(offset, true)
}

function walkStandard(view: DataView, pointer: number): PciCapability[] {
  const found = new Map<number, PciCapability>()
  for (let at = pointer & 0xfc; at !== 0; ) {
    checkPlace(view, found, at, firstCapability, 2)
    const id = view.getUint8(at)
    const name = capabilityIds[id] ?? 'unknown'
    found.set(at, { id, name, offset: at, version: null, fields: decodeCapability(name, view, at) })
    at = view.getUint8(at + 1) & 0xfc
  }
  return [...found.values()]
}

/** Each begins with a u32: id, version (4 bits), next (12 bits). All zeros, or all ones, at 0x100 is none. */
function walkExtended(view: DataView): PciCapability[] {
  const found = new Map<number, PciCapability>()
  for (let at = extendedStart; at !== 0; ) {
    checkPlace(view, found, at, extendedStart, 4)
    const word = view.getUint32(at, true)
    if (at === extendedStart && (word === 0 || word === 0xffff_ffff)) return []
    const id = word & 0xffff
    const name = extendedCapabilityIds[id] ?? 'unknown'
    found.set(at, { id, name, offset: at, version: (word >>> 16) & 0xf, fields: decodeCapability(name, view, at) })
    at = (word >>> 20) & 0xffc
  }
  return [...found.values()]
}

function checkPlace(
  view: DataView,
  found: ReadonlyMap<number, PciCapability>,
  at: number,
  lowest: number,
  size: number,
): void {
  const wrong =
    at < lowest || at + size > view.byteLength
      ? 'outside the space'
      : found.has(at) || found.size >= mostCapabilities
        ? 'back to one before it'
        : null
  if (wrong === null) return
  throw new VfioError('KERNEL_ANSWER', `the list of PCI capabilities leads to ${hex(at)}, ${wrong}`, {
    facts: { offset: at, size: view.byteLength, before: [...found.keys()] },
  })
}
