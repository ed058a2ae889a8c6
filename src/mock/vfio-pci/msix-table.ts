import { capabilityBit, capabilityRegister } from '../../uapi/pci.ts'
import type { ConfigSpace } from '../sdk/config-space.ts'

/** Bytes of one entry. */
const msixEntry = 16

/** Part of a BAR: where the MSI-X table lies, which is the kernel's. */
export interface MsixTable {
  readonly bar: number
  readonly start: number
  readonly end: number
}

/** Null where the function has none. */
export function msixTable(config: ConfigSpace): MsixTable | null {
  const capability = config.find('msi-x')
  if (capability === null) return null
  const table = config.read32(capability + capabilityRegister.PCI_MSIX_TABLE)
  const flags = config.read16(capability + capabilityRegister.PCI_MSIX_FLAGS)
  const entries = (flags & capabilityBit.PCI_MSIX_FLAGS_QSIZE) + 1
  const start = (table & ~capabilityBit.PCI_MSIX_TABLE_BIR) >>> 0
  return { bar: table & capabilityBit.PCI_MSIX_TABLE_BIR, start, end: start + entries * msixEntry }
}
