import type { PciAddress } from '../../base/units.ts'
import type { Step } from '../change/change.ts'

/** The number of virtual functions that a device is to have. */
export interface SriovRequest {
  /** The physical function: a PCI address, short or long. */
  readonly device: string
  readonly count: number | 'all'
  /**
   * False keeps the host's drivers from the functions as they come, true lets them have them again:
   * `sriov_drivers_autoprobe`. As it is, or as it is kept, if absent. Functions that are there stay with the drivers
   * that they have.
   */
  readonly autoprobe?: boolean
  /** Until the next boot at most: what is kept for later boots stays as it is. */
  readonly transient?: boolean
  /** The time for the functions to appear, in milliseconds: half a minute if absent. */
  readonly timeoutMs?: number
}

/** The change of a device's virtual functions that was made, or with `dryRun` would be. */
export interface SriovChange {
  readonly device: PciAddress
  readonly asked: number
  /** The number there is: some drivers make all, whatever is asked for. With `dryRun`, the number asked for. */
  readonly count: number
  readonly total: number
  /** Those that are there; with `dryRun`, that were there. */
  readonly functions: readonly PciAddress[]
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}
