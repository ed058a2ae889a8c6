import type { PciAddress } from '../../base/units.ts'
import type { ChangeOptions, Step } from '../change/change.ts'

/** What was done, or with `dryRun` would be, about which driver has a PCI device. No steps: it was already so. */
export interface BindingChange {
  readonly device: PciAddress
  readonly from: string | null
  /** Null where no driver has it in the end, or, with `dryRun`, where the kernel would choose. */
  readonly to: string | null
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}

/** The PCI devices whose driver changes. */
export interface BindingRequest {
  /** Its PCI address, long or short; or several. */
  readonly device: string | readonly string[]
  /** Every endpoint of its IOMMU group, as VFIO takes the group as a whole. */
  readonly group?: boolean
}

/** How a change of a driver is made. */
export interface BindingOptions extends Omit<ChangeOptions, 'force'> {
  /** Although the host itself uses the device. What VFIO's users have open stays theirs all the same. */
  readonly force?: boolean
}
