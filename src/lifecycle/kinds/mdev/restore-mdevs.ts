import { VfioError } from '../../../base/errors.ts'
import { pciAddressOrNull, type Uuid } from '../../../base/units.ts'
import { boundDriver } from '../../../host/group-members.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import type { Coming, RestoreStage } from '../../device/restore-task.ts'
import { creationSteps } from './create-device.ts'
import { mdevBus } from './mdev-types.ts'
import { start } from './start.ts'
import { readDefinitions } from './store.ts'

/** The mediated devices that are defined to start by themselves, by us, mdevctl or libvirt. */
export const definedMdevs: RestoreStage = (kernel, coming) => {
  const { files } = kernel
  const { definitions, warnings } = readDefinitions(files)
  const wanted = definitions.filter(({ parent, definition }) => {
    return definition.start === 'auto' && (coming.only === undefined || parent === coming.only)
  })
  const tasks = wanted.map(({ uuid, parent, definition }) => ({
    kind: 'mdev' as const,
    parent,
    name: uuid,
    type: definition.type,
    plannedSteps: () => creationSteps({ uuid, parent, ...definition }),
    isParentThere: () => files.kind(`${mdevBus}/${parent}`) !== null,
    canParentCome: () => canCome(coming, parent),
    parentMissing: () => parentMissing(files, uuid, parent),
    bringUp: (options: ChangeOptions) => startDefined(kernel, { uuid, parent }, options),
  }))
  return { tasks: tasks.sort((a, b) => (a.name < b.name ? -1 : 1)), warnings }
}

async function startDefined(
  kernel: Kernel,
  device: { uuid: string; parent: string },
  options: ChangeOptions,
): Promise<Change> {
  try {
    return await start(kernel, device, options)
  } catch (error) {
    // mdevctl's own udev rule starts the same devices, and knows nothing of our lock.
    if (!(error instanceof VfioError && error.errno === 'EEXIST')) throw error
    return start(kernel, device, options)
  }
}

/** A parent without a PCI address is its driver's own, and comes with that. */
function canCome(coming: Coming, parent: string): boolean {
  const address = pciAddressOrNull(parent)
  return address === null || coming.can(address)
}

function parentMissing(files: HostFiles, uuid: Uuid, parent: string): VfioError {
  const [why, hint] = whyMissing(files, uuid, parent)
  return new VfioError('NOT_FOUND', `its parent ${parent} is not there: ${why}`, { hint, facts: { parent } })
}

function whyMissing(files: HostFiles, uuid: Uuid, parent: string): [why: string, hint: string] {
  const path = `/sys/bus/pci/devices/${parent}`
  if (files.kind(path) === null) {
    const look =
      pciAddressOrNull(parent) === null ? 'lsmod: is the module of its driver loaded?' : 'lspci: is the card there?'
    return ['this host has no such device', `${look} vfioctl undefine -u ${uuid} -p ${parent} forgets it`]
  }
  const driver = boundDriver(files, `${path}/driver`)
  if (driver === null) return ['the device is there, and no driver has it', `lspci -ks ${parent} names its modules`]
  return [`the device is there, and its driver ${driver} offers no mediated devices`, 'vfioctl types; dmesg | tail']
}
