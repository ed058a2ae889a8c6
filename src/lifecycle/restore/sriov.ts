import { VfioError } from '../../base/errors.ts'
import { counted, type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { RestoreStage, RestoreTask } from '../device/restore-task.ts'
import { isKeptForCard } from '../sriov/kept-number.ts'
import { makeVirtualFunctions } from '../sriov/set-functions.ts'
import { type KeptNumber, sriovSettings } from '../sriov/sriov-settings.ts'

/** The numbers of virtual functions that are kept for every boot. */
export const definedSriov: RestoreStage = (kernel, coming) => {
  const { files } = kernel
  const { settings, warnings } = sriovSettings.list(files)
  const tasks = settings.flatMap(({ name, value }): RestoreTask[] => {
    const address = pciAddressOrNull(name)
    const { count, autoprobe } = value
    const probing = autoprobe === undefined ? {} : { autoprobe }
    if (coming.only !== undefined && name !== coming.only) return []
    return [
      {
        kind: 'sriov',
        parent: name,
        name: counted(count, 'virtual function'),
        type: null,
        plannedSteps: () => [],
        isParentThere: () => address !== null && !isAnotherCard(files, address, value) && hasDriver(files, address),
        canParentCome: () => address !== null && coming.can(address) && !isAnotherCard(files, address, value),
        parentMissing: () => whyNoFunctions(files, name, value),
        bringUp: (options) =>
          makeVirtualFunctions(kernel, { device: name, count, ...probing, transient: true }, options, (error) => {
            options?.onMessage?.(error.message)
          }),
      },
    ]
  })
  return { tasks, warnings }
}

function hasDriver(files: HostFiles, address: PciAddress): boolean {
  return (readPhysicalFunction(files, address)?.driver ?? null) !== null
}

/** Addresses move when cards do: functions of another card are nobody's wish. */
function isAnotherCard(files: HostFiles, address: PciAddress, kept: KeptNumber): boolean {
  if (files.kind(pciPath(address)) === null) return false
  return readPhysicalFunction(files, address) === null || !isKeptForCard(files, address, kept)
}

function whyNoFunctions(files: HostFiles, name: string, kept: KeptNumber): VfioError {
  const address = pciAddressOrNull(name)
  const forget = `vfioctl sriov ${name} 0 forgets the number`
  const facts = { parent: name }
  if (address === null || files.kind(pciPath(address)) === null) {
    return new VfioError('NOT_FOUND', `the card ${name} is not there`, { hint: `lspci; ${forget}`, facts })
  }
  if (isAnotherCard(files, address, kept)) {
    const { vendor, device } = readPciIds(files, address, [])
    const isSame = isKeptForCard(files, address, kept)
    const differs = isSame ? 'it has no SR-IOV' : `${vendor}:${device}, not ${kept.vendor}:${kept.device}`
    const what = `${address} is another card than the one whose number of functions was kept: ${differs}`
    return new VfioError('NOT_SUPPORTED', what, { hint: `lspci -nns ${address}; ${forget}`, facts })
  }
  return new VfioError('NOT_FOUND', `${address} did not get a driver, so it has no virtual functions`, {
    hint: `lspci -ks ${address}`,
    facts,
  })
}
