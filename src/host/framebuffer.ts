import type { HostFiles } from '../kernel/kernel.ts'
import { readOrEmpty } from './sysfs/readable.ts'

/** The file that says who holds which memory. */
export const iomem = '/proc/iomem'

/** Names under which the drivers of the firmware's framebuffer, or sysfb before them, hold its memory. */
const holders = /^(?:BOOTFB|efifb|vesafb|simplefb|simpledrm|simple-framebuffer|efi-framebuffer)\b/

/** The line of the firmware's framebuffer that stands, by its indentation, below a PCI device's own; null for none. */
export function framebufferLine(files: HostFiles, address: string): string | null {
  let depth = -1
  for (const line of readOrEmpty(files, iomem).split('\n')) {
    const [, indent = '', what = ''] = /^( *)[0-9a-f]+-[0-9a-f]+ : (.*)$/.exec(line) ?? []
    if (depth >= 0 && indent.length > depth && holders.test(what)) return line
    if (indent.length <= depth) depth = -1
    if (what === address) depth = indent.length
  }
  return null
}
