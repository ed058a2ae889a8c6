import type { PciAddress } from '../../base/units.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import type { ChangeOptions, Step, Write } from '../change/change.ts'

/** The device to bring back. */
export interface RecoveryRequest {
  /** Its PCI address, long or short. */
  readonly device: string
}

/** Options for bringing a device back. */
export interface RecoveryOptions extends Pick<ChangeOptions, 'dryRun' | 'signal' | 'onMessage'> {
  /** Go on although the host uses the device. */
  readonly force?: boolean
}

/** One way to bring a device back. */
export interface RecoveryStep {
  /**
   * A method of `reset_method` in sysfs: 'flr', 'bus'; 'rescan': off the bus and found again; 'functions': made anew.
   */
  readonly way: string
  /** In words: what goes with it. */
  readonly cost: string
  readonly steps: readonly Step[]
}

/** A way with what puts back the rest as it was. */
export interface RecoveryWay extends RecoveryStep {
  /** Writes that are made whether it helped or not, if the file `needs` is there. */
  readonly after: readonly Write[]
  readonly needs: string
  readonly steps: readonly Write[]
  /** The physical function whose virtual ones go with it; null if none do. */
  readonly card: PhysicalFunction | null
  /** The device goes and comes again. */
  readonly makesAnew: boolean
}

/** A step that was tried. */
export interface RecoveryAttempt extends RecoveryStep {
  /** 'none' if the kernel did it and the device answers no read all the same. */
  readonly outcome: 'helped' | 'none' | 'refused'
  /** The kernel's words, if it refused. */
  readonly refusal: string | null
  /** Its words, if it refused to put back the rest as it was: an order of resets, a driver. */
  readonly leftChanged: string | null
}

/** Result of `host.recover`. */
export interface Recovery {
  readonly device: PciAddress
  /** If it answered reads of its configuration space before; null if that could not be read. */
  readonly answered: boolean | null
  /**
   * The ways that are tried, in their order; of a device that answers, the kernel's own resets alone, unless forced.
   */
  readonly ways: readonly RecoveryStep[]
  /** Those that were tried, of which the last may have helped. */
  readonly attempts: readonly RecoveryAttempt[]
  readonly recovered: boolean
  readonly dryRun: boolean
}
