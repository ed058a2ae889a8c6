import { VfioError } from '../../errors.ts'
import { mdevBus } from '../../host/mdev-types.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { boundDriver } from '../../vfio/group/group-members.ts'
import type { Change, ChangeOptions } from '../change.ts'
import { creationSteps } from '../mdev/create-device.ts'
import { start } from '../mdev/start.ts'
import { readDefinitions } from '../mdev/store.ts'
import type { RestoreStage } from './task.ts'

/** The mediated devices that are defined to start by themselves, by us, mdevctl or libvirt. */
export const definedMdevs: RestoreStage = (kernel, only) => {
  const { files } = kernel
  const { definitions, warnings } = readDefinitions(files)
  const wanted = definitions.filter(({ parent, definition }) => {
    return definition.start === 'auto' && (only === undefined || parent === only)
  })
  const tasks = wanted.map(({ uuid, parent, definition }) => ({
    kind: 'mdev' as const,
    parent,
    name: uuid,
    type: definition.type,
    plannedSteps: () => creationSteps({ uuid, parent, ...definition }),
    isParentThere: () => files.kind(`${mdevBus}/${parent}`) !== null,
    parentMissing: () => parentMissing(files, parent),
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

function parentMissing(files: HostFiles, parent: string): VfioError {
  const [why, hint] = whyMissing(files, parent)
  return new VfioError('NOT_FOUND', `its parent ${parent} did not appear: ${why}`, { hint, facts: { parent } })
}

function whyMissing(files: HostFiles, parent: string): [why: string, hint: string] {
  const path = `/sys/bus/pci/devices/${parent}`
  if (files.kind(path) === null) {
    return ['this host has no such device', 'lsmod | grep -i MODULE: is its driver loaded? lspci: is the card there?']
  }
  const driver = boundDriver(files, `${path}/driver`)
  if (driver === null) return ['the device is there, and no driver has it', `lspci -ks ${parent} names its modules`]
  return [`the device is there, and its driver ${driver} offers no mediated devices`, 'vfioctl types; dmesg | tail']
}
