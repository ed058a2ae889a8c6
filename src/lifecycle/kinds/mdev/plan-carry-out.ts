import type { Kernel } from '../../../kernel/kernel.ts'
import type { ChangeOptions } from '../../change/change.ts'
import { keepOwner } from '../../wanted/owner-setting.ts'
import type { PlannedDevice, Verb } from '../../wanted/plan.ts'
import { type DoneVerbs, runVerbs } from '../../wanted/run-verbs.ts'
import { define } from './define.ts'
import { findMdevDevice } from './mdev-devices.ts'
import type { PlannedMdev } from './mdev-identity.ts'
import { modify } from './modify.ts'
import { start } from './start.ts'
import { stop } from './stop.ts'
import { definedParents } from './store.ts'
import { undefine } from './undefine.ts'

/** Carries out what a plan has for one mediated device. */
export function carryOutMdev(
  kernel: Kernel,
  entry: PlannedMdev,
  options: ChangeOptions,
  journal: DoneVerbs[],
  planned: PlannedDevice = entry,
): Promise<void> {
  const { uuid, parent, stored } = entry
  const isDefinedOn = (on: string) => definedParents(kernel.files, uuid, on).length > 0
  const runner = {
    run: (verb: Verb, how: ChangeOptions) => runVerb(kernel, entry, verb, how),
    async defineAsBefore(how: ChangeOptions) {
      if (stored === null) await undefine(kernel, { uuid, parent }, how)
      else if (isDefinedOn(parent)) await modify(kernel, { uuid, parent, ...stored, force: true }, how)
      else await define(kernel, { uuid, parent, ...stored, force: true }, how)
    },
    runningNow: () => findMdevDevice(kernel.files, uuid),
    async startAgain(ran: { parent: string; type: string }, how: ChangeOptions) {
      const isDefined = isDefinedOn(ran.parent)
      const request = isDefined ? { parent: ran.parent } : { parent: ran.parent, type: ran.type }
      return { change: await start(kernel, { uuid, ...request }, how), isDefined }
    },
  }
  return runVerbs(kernel, entry, runner, options, journal, planned)
}

async function runVerb(kernel: Kernel, entry: PlannedMdev, verb: Verb, options: ChangeOptions): Promise<void> {
  const { uuid, parent, wanted } = entry
  if (verb === 'stop') await stop(kernel, { uuid }, options)
  else if (verb === 'undefine') await undefine(kernel, { uuid, parent }, options)
  else if (verb === 'start') await start(kernel, { uuid, parent }, options)
  else if (verb === 'keep-owner') await keepOwner(kernel, uuid, entry.owner, options)
  else if (wanted !== null) {
    const isDefined = definedParents(kernel.files, uuid, parent).length > 0
    await (isDefined ? modify : define)(kernel, { uuid, parent, ...wanted }, options)
  }
}
