import { VfioError } from '../../base/errors.ts'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { RestoreStage, RestoreTask } from '../device/restore-task.ts'
import { makeVirtualFunctions } from '../sriov/set-functions.ts'
import { sriovSettings } from '../sriov/sriov-settings.ts'

/** The numbers of virtual functions that are kept for every boot. */
export const definedSriov: RestoreStage = (kernel, coming) => {
  const { files } = kernel
  const { settings, warnings } = sriovSettings.list(files)
  const tasks = settings.flatMap(({ name, value: { count } }): RestoreTask[] => {
    const address = pciAddressOrNull(name)
    if (coming.only !== undefined && name !== coming.only) return []
    return [
      {
        kind: 'sriov',
        parent: name,
        name: `${count} virtual functions`,
        type: null,
        plannedSteps: () => [],
        isParentThere: () => address !== null && (readPhysicalFunction(files, address)?.driver ?? null) !== null,
        canParentCome: () => address !== null && coming.can(address) && !isAnotherCard(files, address),
        parentMissing: () => whyNoFunctions(files, name),
        bringUp: (options) => makeVirtualFunctions(kernel, { device: name, count, transient: true }, options),
      },
    ]
  })
  return { tasks, warnings }
}

function isAnotherCard(files: HostFiles, address: PciAddress): boolean {
  return files.kind(pciPath(address)) !== null && readPhysicalFunction(files, address) === null
}

function whyNoFunctions(files: HostFiles, name: string): VfioError {
  const address = pciAddressOrNull(name)
  const forget = `vfioctl sriov ${name} 0 forgets the number`
  const facts = { parent: name }
  if (address === null || files.kind(pciPath(address)) === null) {
    return new VfioError('NOT_FOUND', `the card ${name} is not there`, { hint: `lspci; ${forget}`, facts })
  }
  if (isAnotherCard(files, address)) {
    const what = `${address} has no SR-IOV: it is another card than the one whose number of functions was kept`
    return new VfioError('NOT_SUPPORTED', what, { hint: `lspci -nns ${address}; ${forget}`, facts })
  }
  return new VfioError('NOT_FOUND', `${address} did not get a driver, so it has no virtual functions`, {
    hint: `lspci -ks ${address}`,
    facts,
  })
}
