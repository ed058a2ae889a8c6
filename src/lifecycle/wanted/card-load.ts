import type { VirtualDevice } from '../device/virtual-device.ts'
import type { Place } from './invalid-spec.ts'

/** A virtual device that runs, or is to run, on a card. */
export interface Carried {
  /** UUID or address. */
  readonly name: string
  /** The card, or the one of its functions that is the parent. */
  readonly parent: string
  readonly type: string
}

/** Devices that a card carries now, and those that a plan has for it. */
export interface CardLoad {
  /** The place in the file that asks for the first of what comes. */
  readonly at: Place | null
  readonly card: string
  readonly kind: VirtualDevice['kind']
  readonly stays: readonly Carried[]
  readonly leaves: readonly Carried[]
  readonly comes: readonly Carried[]
}
