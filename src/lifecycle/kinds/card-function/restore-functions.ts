import type { VfioError } from '../../../base/errors.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions, Step } from '../../change/change.ts'
import type { DeviceIdentity } from '../../change/device-identity.ts'
import type { FunctionDefinitions, StoredFunction } from '../../device/function-definitions.ts'
import type { RestoreStage } from '../../device/restore-task.ts'

/** The part of bringing a function back that is its kind's. */
interface Restoring<Identity extends DeviceIdentity> {
  readonly kind: Identity['kind']
  readonly stored: FunctionDefinitions<Identity>
  /** True if the function is there, for devices of this kind. */
  isThere(kernel: Kernel, function_: StoredFunction): boolean
  /** The reason why it is not. */
  missing(kernel: Kernel, function_: StoredFunction): VfioError
  /** The writes for a function that is not there yet, as far as they are known. */
  plannedSteps(function_: StoredFunction): readonly Step[]
  start(kernel: Kernel, function_: StoredFunction, options: ChangeOptions): Promise<Change>
}

/** The functions of one kind that are defined to come back by themselves, with their card. */
export function definedFunctions<Identity extends DeviceIdentity>(its: Restoring<Identity>): RestoreStage {
  return (kernel, coming) => {
    const { definitions, warnings } = its.stored.list(kernel.files)
    const tasks = definitions
      .filter(
        ({ parent, definition }) =>
          definition.start === 'auto' && (coming.only === undefined || parent === coming.only),
      )
      .map((function_) => ({
        kind: its.kind,
        parent: function_.parent,
        name: function_.address,
        type: function_.definition.type,
        plannedSteps: () => its.plannedSteps(function_),
        isParentThere: () => its.isThere(kernel, function_),
        canParentCome: () => coming.can(function_.address),
        parentMissing: () => its.missing(kernel, function_),
        bringUp: (options: ChangeOptions) => its.start(kernel, function_, options),
      }))
    return { tasks, warnings }
  }
}
