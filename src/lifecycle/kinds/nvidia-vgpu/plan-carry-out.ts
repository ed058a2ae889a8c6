import type { Kernel } from '../../../kernel/kernel.ts'
import type { ChangeOptions } from '../../change/change.ts'
import { keepOwner } from '../../wanted/owner-setting.ts'
import type { Running, Verb } from '../../wanted/plan.ts'
import { type DoneVerbs, runVerbs } from '../../wanted/run-verbs.ts'
import { carryOutMdev } from '../mdev/plan-carry-out.ts'
import { chooseVgpuType } from './choose-type.ts'
import { undefineVgpu } from './define-vgpu.ts'
import { vgpuDefinitions } from './definitions.ts'
import { findVgpuPlace } from './place.ts'
import { startVgpu } from './start-vgpu.ts'
import { stopVgpu } from './stop-vgpu.ts'
import { turnedOutMdev } from './turned-out-mdev.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import type { PlannedVgpu } from './vgpu-identity.ts'

/** Carries out what a plan has for one vGPU: as a mediated device if its function has come as a parent of those. */
export async function carryOutVgpu(
  kernel: Kernel,
  item: PlannedVgpu,
  options: ChangeOptions,
  journal: DoneVerbs[],
): Promise<void> {
  const { files } = kernel
  const { name: address } = item
  const mdev = turnedOutMdev(files, item)
  if (mdev !== null) return carryOutMdev(kernel, mdev, options, journal, item)
  const stored = vgpuDefinitions.read(files, address)
  const runner = {
    run: (verb: Verb, how: ChangeOptions) => runVerb(kernel, item, verb, how),
    async defineAsBefore(how: ChangeOptions) {
      if (stored === null) await undefineVgpu(kernel, address, how)
      else await vgpuDefinitions.replace(kernel, stored, how)
    },
    runningNow(): Running | null {
      const now = readVgpuFunction(files, address)
      return now === null || now.type === null || now.type === 0 ? null : { parent: now.physfn, type: String(now.type) }
    },
    async startAgain({ type }: Running, how: ChangeOptions) {
      const isDefined = vgpuDefinitions.read(files, address) !== null
      const request = isDefined ? { address } : { parent: address, type }
      return { change: await startVgpu(kernel, request, how), isDefined }
    },
  }
  return runVerbs(kernel, item, runner, options, journal)
}

async function runVerb(
  kernel: Kernel,
  { name: address, wanted, owner }: PlannedVgpu,
  verb: Verb,
  options: ChangeOptions,
): Promise<void> {
  if (verb === 'stop') await stopVgpu(kernel, address, options)
  else if (verb === 'undefine') await undefineVgpu(kernel, address, options)
  else if (verb === 'start') await startVgpu(kernel, { address }, options)
  else if (verb === 'keep-owner') await keepOwner(kernel, address, owner, options)
  else if (wanted !== null) {
    const { card } = findVgpuPlace(kernel.files, address)
    // only functions that are there tell the ids of types
    const { type } = chooseVgpuType(kernel.files, card, wanted.type, address)
    await vgpuDefinitions.replace(kernel, { address, parent: card, definition: { ...wanted, type } }, options)
  }
}
