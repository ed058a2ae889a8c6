import { VfioError } from '../../../base/errors.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import type { RestoreStage } from '../../device/restore-task.ts'
import { definedFunctions } from '../card-function/restore-functions.ts'
import { startXe } from './start-xe.ts'
import { xeDefinitions } from './xe-definitions.ts'

/**
 * Shares that are defined to come back by themselves: most are given before the card's functions come, with the number
 * that is kept for it, and this finds them so.
 */
export const definedXe: RestoreStage = definedFunctions({
  kind: 'xe-vf',
  stored: xeDefinitions,
  isThere: ({ files }, { address }) => physicalFunctionOf(files, address) !== null,
  missing(_, { address, parent }) {
    return new VfioError('NOT_FOUND', `${address} is not there: its card ${parent} has not so many virtual functions`, {
      hint: `vfioctl sriov ${parent}; vfioctl undefine ${address} forgets its share`,
      facts: { device: address, parent },
    })
  },
  plannedSteps: () => [],
  start: (kernel, { address }, options) => startXe(kernel, { address }, options),
})
