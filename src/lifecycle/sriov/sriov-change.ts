import type { PciAddress } from '../../base/units.ts'
import type { Step } from '../change/change.ts'

/** How many virtual functions a device is to have. */
export interface SriovRequest {
  /** The physical function: a PCI address, short or long. */
  readonly device: string
  readonly count: number | 'all'
  /** Until the next boot at most: what is kept for later boots stays as it is. */
  readonly transient?: boolean
  /** How long the functions may take to appear, in milliseconds: half a minute where absent. */
  readonly timeoutMs?: number
}

/** What became of it, or with `dryRun` would. */
export interface SriovChange {
  readonly device: PciAddress
  readonly asked: number
  /** How many there are: some drivers make all, whatever is asked for. With `dryRun`, as many as are asked for. */
  readonly count: number
  readonly total: number
  /** Those that are there; with `dryRun`, that were there. */
  readonly functions: readonly PciAddress[]
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}
