import { readPhysicalFunction } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { withSettingsLock } from '../settings/settings.ts'
import { setVirtualFunctions } from '../sriov/set-functions.ts'
import { sriovSettings } from '../sriov/sriov-settings.ts'
import type { PlannedGpuModes, PlannedSriov } from '../wanted/plan.ts'

/** Virtual functions that a plan has made, or modes of their card, and what it takes to have those of before. */
export interface MadeFunctions {
  readonly item: PlannedSriov | PlannedGpuModes
  readonly takeBack: (options: ChangeOptions) => Promise<void>
}

/** Gives a card its virtual functions, as a plan says. */
export async function carryOutSriov(
  kernel: Kernel,
  item: PlannedSriov,
  options: ChangeOptions,
): Promise<MadeFunctions> {
  const { files } = kernel
  const { device, count, before, autoprobe } = item
  const probed = readPhysicalFunction(files, device)?.autoprobe ?? null
  const stored = sriovSettings.readOrNone(files, device)
  await setVirtualFunctions(kernel, { device, count, ...probing(autoprobe) }, options)
  return {
    item,
    async takeBack(how) {
      await setVirtualFunctions(kernel, { device, count: before, ...probing(probed), transient: true }, how)
      await withSettingsLock(
        kernel,
        () => (stored === null ? sriovSettings.delete(files, device) : sriovSettings.save(files, device, stored)),
        how,
      )
    },
  }
}

function probing(autoprobe: boolean | null): { readonly autoprobe?: boolean } {
  return autoprobe === null ? {} : { autoprobe }
}
