import type { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'

/** A device or setting that is defined to come up by itself. */
export interface Restorable {
  /** 'binding', 'sriov', 'gpu-modes', or a virtual device's kind. */
  readonly kind: string
  /** The device that has to be there first. */
  readonly parent: string
  /** Its name, beside its parent's: a UUID, a driver, the address of a function, so many virtual functions. */
  readonly name: string
  /** Of a virtual device. */
  readonly type: string | null
}

/** The end of bringing it up. */
export interface BroughtUp {
  readonly changed: boolean
  readonly steps: readonly Step[]
  /** The name that it has turned out to have; absent if that was known. */
  readonly name?: string
}

/** The task that brings it up. */
export interface RestoreTask extends Restorable {
  isParentThere(): boolean
  /** True if it is worth waiting if its parent is not there. */
  canParentCome(): boolean
  /** The error with the reason if its parent is not there in the end. */
  parentMissing(): VfioError
  /** The writes that would bring it up, if its parent is not there to ask. Throws for what nobody can make. */
  plannedSteps(): readonly Step[]
  /** No change if it is up already. */
  bringUp(options: ChangeOptions): Promise<BroughtUp>
}

/** Devices that can still come while a restore waits. */
export interface Coming {
  /** The device that the restore is for alone, or undefined. */
  readonly only: string | undefined
  /** True if a device is on the PCI bus, or may get there. */
  can(address: PciAddress): boolean
  /** True if a device is a virtual function that its card, which is there, could have, has not, and is not to get. */
  isLeftOut(address: PciAddress): boolean
}

/** Finds the tasks of one kind, of `coming.only` or of all. */
export type RestoreStage = (
  kernel: Kernel,
  coming: Coming,
) => { readonly tasks: readonly RestoreTask[]; readonly warnings: readonly Warning[] }
