import type { Kernel } from '../../../kernel/kernel.ts'
import { Callouts } from '../../callouts/callouts.ts'
import { sayScriptsAreNotAsked } from '../../callouts/scripts-not-asked.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import { withLock } from '../../files/lock.ts'
import { lockOf } from './choose-parent.ts'
import { type ChosenDevice, lookUpKnown, type MdevChoice } from './device-choice.ts'
import { findMdevDevice } from './mdev-devices.ts'
import { type MdevIdentity, mdevIdentity } from './mdev-identity.ts'
import { checkRemovable, removalStep, removeDevice } from './remove-device.ts'

/** Options for stopping a mediated device. */
export interface StopOptions extends ChangeOptions {
  /** A process that has the device's group, without the device, to keep others out meanwhile, as libvirt does. */
  readonly keeper?: number
}

/**
 * Removes a running device; its definition stays. One that is defined and does not run is no change. DEVICE_BUSY, with
 * who holds it, if a process has it open: the kernel would wait for that process without end.
 */
export async function stop(
  kernel: Kernel,
  choice: MdevChoice,
  options: StopOptions = {},
): Promise<Change<MdevIdentity>> {
  const chosen = lookUpKnown(kernel.files, choice)
  const dryRun = options.dryRun === true
  if (chosen.active === null) return notRunning(chosen, dryRun)
  const { uuid, parent, type } = chosen.active
  const change: Change<MdevIdentity> = {
    ...mdevIdentity(uuid),
    parent,
    type,
    changed: true,
    dryRun,
    steps: [removalStep(uuid)],
  }
  if (dryRun) {
    sayScriptsAreNotAsked(kernel, options)
    checkRemovable(kernel, chosen.active)
    return change
  }
  const run = async (): Promise<Change<MdevIdentity>> => {
    const active = findMdevDevice(kernel.files, uuid)
    if (active === null) return { ...change, changed: false, steps: [] }
    const definition = { type, start: 'manual' as const, attributes: [] }
    await new Callouts(kernel, { uuid, parent, type }, options).around('stop', definition, () =>
      removeDevice(kernel, active, options.keeper),
    )
    return change
  }
  return withLock(kernel, lockOf(kernel.files, parent), run, options)
}

function notRunning({ uuid, definedOn }: ChosenDevice, dryRun: boolean): Change<MdevIdentity> {
  const [parent = ''] = definedOn
  return { ...mdevIdentity(uuid), parent, type: null, changed: false, dryRun, steps: [] }
}
