import { VfioError } from '../../../base/errors.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import type { ChangeOptions } from '../../change/change.ts'
import type { RestoreStage } from '../../device/restore-task.ts'
import { startXe } from './start-xe.ts'
import { xeDefinitions } from './xe-definitions.ts'

/**
 * Shares that are defined to come back by themselves: most are given before the card's functions come, with the number that
 * is kept for it, and this finds them so.
 */
export const definedXe: RestoreStage = (kernel, coming) => {
  const { files } = kernel
  const { definitions, warnings } = xeDefinitions.list(files)
  const tasks = definitions
    .filter(
      ({ parent, definition }) => definition.start === 'auto' && (coming.only === undefined || parent === coming.only),
    )
    .map(({ address, parent, definition }) => ({
      kind: 'xe-vf' as const,
      parent,
      name: address,
      type: definition.type,
      plannedSteps: () => [],
      isParentThere: () => physicalFunctionOf(files, address) !== null,
      canParentCome: () => coming.can(address),
      parentMissing: () =>
        new VfioError('NOT_FOUND', `${address} is not there: its card ${parent} has not so many virtual functions`, {
          hint: `vfioctl sriov ${parent}; vfioctl undefine ${address} forgets its share`,
          facts: { device: address, parent },
        }),
      bringUp: (options: ChangeOptions) => startXe(kernel, { address }, options),
    }))
  return { tasks, warnings }
}
