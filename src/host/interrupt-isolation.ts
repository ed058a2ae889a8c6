import type { HostFiles } from '../kernel/kernel.ts'
import { readOrEmpty } from './sysfs/readable.ts'
import type { Warning } from './warning.ts'

const interruptsPath = '/proc/interrupts'
/** VFIO asks one of the two, by the way that a device is opened. */
const parameters = ['vfio_iommu_type1', 'iommufd'].map(
  (module) => `/sys/module/${module}/parameters/allow_unsafe_interrupts`,
)

/**
 * The reason why VFIO refuses every device behind an IOMMU here, with EPERM: nothing keeps a device's messages from
 * raising other interrupts than its own (iommu_group_has_isolated_msi), and nobody said that this is allowed. Null
 * if it does not, and if the host does not tell.
 */
export function unsafeInterrupts(files: HostFiles): Warning | null {
  if (areRemapped(files) !== false || parameters.some((path) => readOrEmpty(files, path).trim() === 'Y')) return null
  const [usual] = parameters
  const path = parameters.find((candidate) => files.kind(candidate) !== null) ?? usual ?? ''
  return {
    path: interruptsPath,
    message:
      'has no interrupt that is remapped (IR-…): VFIO opens no PCI device here (EPERM), unless interrupt remapping is ' +
      `turned on in the firmware, or every guest is trusted: echo 1 > ${path}`,
  }
}

/** By the names of the interrupt controllers: x86 puts IR- before them, arm64's ITS always checks. Null for others. */
function areRemapped(files: HostFiles): boolean | null {
  const text = readOrEmpty(files, interruptsPath)
  if (/\s(?:IR-(?:PCI-MSI|IO-APIC)|ITS-)/.test(text)) return true
  return /\s(?:PCI-MSI|IO-APIC)/.test(text) ? false : null
}
