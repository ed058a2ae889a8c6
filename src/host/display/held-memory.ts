import type { PciAddress } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { pciDevices } from '../pci-bus.ts'
import { readOrEmpty } from '../sysfs/readable.ts'

/** The map of the machine's memory, with who holds what. */
export const iomem = '/proc/iomem'

/** Names of the framebuffer's drivers, and of sysfb before them, for the memory that they hold. */
const holders = /^(?:BOOTFB|efifb|vesafb|simplefb|simpledrm|efidrm|vesadrm|(?:simple|efi|vesa)-framebuffer)\b/

/** Memory of a PCI device that the firmware's framebuffer holds. */
export interface HeldMemory {
  /** The line of /proc/iomem. */
  readonly line: string
  /** Its holder there: 'efifb'. */
  readonly holder: string
  /** The BAR that it is in; null if the addresses are hidden, as from anyone but root. */
  readonly bar: number | null
}

/** The memory of a device that the firmware's framebuffer holds; null if /proc/iomem tells of none. */
export function heldByFramebuffer(files: HostFiles, address: PciAddress): HeldMemory | null {
  let depth = -1
  for (const text of readOrEmpty(files, iomem).split('\n')) {
    const [line, indent = '', start = '', end = '', what = ''] = /^( *)([0-9a-f]+)-([0-9a-f]+) : (.*)$/.exec(text) ?? []
    if (line === undefined) continue
    const [holder] = depth >= 0 && indent.length > depth ? (holders.exec(what) ?? []) : []
    if (holder !== undefined) return { line: line.trim(), holder, bar: barAt(files, address, hex(start), hex(end)) }
    if (indent.length <= depth) depth = -1
    if (what === address) depth = indent.length
  }
  return null
}

/** `resource` has a line for each BAR: its first address, its last, and flags. */
function barAt(files: HostFiles, address: PciAddress, first: bigint, last: bigint): number | null {
  if (last === 0n) return null
  const lines = readOrEmpty(files, `${pciDevices}/${address}/resource`).split('\n').slice(0, 6)
  const index = lines.findIndex((line) => {
    const [, start, end] = /^0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) /.exec(line) ?? []
    return start !== undefined && end !== undefined && hex(end) > 0n && hex(start) <= first && last <= hex(end)
  })
  return index < 0 ? null : index
}

function hex(digits: string): bigint {
  return digits.length > 16 ? 0n : BigInt(`0x${digits}`)
}
