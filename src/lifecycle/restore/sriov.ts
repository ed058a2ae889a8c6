import { VfioError } from '../../errors.ts'
import { readPhysicalFunction } from '../../host/sriov.ts'
import { pciAddressOrNull } from '../../units.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import { sriovSettings } from '../sriov/sriov-settings.ts'
import type { RestoreStage } from './task.ts'

/** The numbers of virtual functions that are kept for every boot. */
export const definedSriov: RestoreStage = (kernel, only) => {
  const { settings, warnings } = sriovSettings.list(kernel.files)
  const tasks = settings
    .filter(({ name }) => only === undefined || name === only)
    .map(({ name, value: { count } }) => ({
      kind: 'sriov' as const,
      parent: name,
      name: `${count} virtual functions`,
      type: null,
      plannedSteps: () => [],
      isParentThere: () => {
        const address = pciAddressOrNull(name)
        const card = address === null ? null : readPhysicalFunction(kernel.files, address)
        return card !== null && card.driver !== null
      },
      parentMissing: () =>
        new VfioError('NOT_FOUND', `${name} did not appear with a driver, so it has no virtual functions`, {
          hint: `lspci -ks ${name}`,
          facts: { parent: name },
        }),
      bringUp: (options: Parameters<typeof setVirtualFunctions>[2]) =>
        setVirtualFunctions(kernel, { device: name, count, transient: true }, options),
    }))
  return { tasks, warnings }
}
