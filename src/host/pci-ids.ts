import { failedWith } from '../base/system-error.ts'
import { printable } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { unreadable, type Warning } from './warning.ts'

/** The ids of a PCI device, as sysfs shows them: '0x020000', '0x8086', '0x10d3'. */
export interface PciIds {
  readonly class: string | null
  readonly vendor: string | null
  readonly device: string | null
}

/** Null for what cannot be read, with a warning; a device that just went has none. */
export function readPciIds(files: HostFiles, address: string, warnings: Warning[]): PciIds {
  const read = (attribute: string): string | null => {
    const path = `/sys/bus/pci/devices/${address}/${attribute}`
    try {
      const text = files.read(path).trim()
      if (/^0x[0-9a-f]{4,6}$/.test(text)) return text
      warnings.push({ path, message: `says '${printable(text)}', which is not a PCI id` })
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) warnings.push(unreadable(path, error))
    }
    return null
  }
  return { class: read('class'), vendor: read('vendor'), device: read('device') }
}
