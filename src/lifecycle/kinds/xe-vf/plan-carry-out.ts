import { parsePciAddress } from '../../../base/units.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import type { ChangeOptions } from '../../change/change.ts'
import { formatShares } from '../../device/gpu-shares.ts'
import type { Running, Verb } from '../../wanted/plan.ts'
import { type DoneVerbs, runVerbs } from '../../wanted/run-verbs.ts'
import { undefineXe } from './define-xe.ts'
import { isGiven, readShares } from './read-shares.ts'
import { startXe, stopXe } from './start-xe.ts'
import { cardOfFunction } from './xe-cards.ts'
import { xeDefinitions } from './xe-definitions.ts'
import type { PlannedXe } from './xe-identity.ts'

/** Carries out what a plan has for the share of one function. */
export async function carryOutXe(
  kernel: Kernel,
  item: PlannedXe,
  options: ChangeOptions,
  journal: DoneVerbs[],
): Promise<void> {
  const { files } = kernel
  const { name: address } = item
  const stored = xeDefinitions.read(files, address)
  const runner = {
    run: (verb: Verb, how: ChangeOptions) => runVerb(kernel, item, verb, how),
    async defineAsBefore(how: ChangeOptions) {
      if (stored === null) await undefineXe(kernel, address, how)
      else await xeDefinitions.replace(kernel, stored, how)
    },
    runningNow(): Running | null {
      const card = cardOfFunction(files, address)
      const shares =
        card !== null && physicalFunctionOf(files, address) !== null ? readShares(files, card, address) : null
      return card === null || shares === null || !isGiven(shares)
        ? null
        : { parent: card.address, type: formatShares(shares) }
    },
    async startAgain({ type }: Running, how: ChangeOptions) {
      const isDefined = xeDefinitions.read(files, address) !== null
      return { change: await startXe(kernel, { address, type }, how), isDefined }
    },
  }
  return runVerbs(kernel, item, runner, options, journal)
}

async function runVerb(
  kernel: Kernel,
  { name: address, parent, wanted }: PlannedXe,
  verb: Verb,
  options: ChangeOptions,
): Promise<void> {
  if (verb === 'stop') await stopXe(kernel, address, options)
  else if (verb === 'undefine') await undefineXe(kernel, address, options)
  else if (verb === 'start') await startXe(kernel, { address }, options)
  else if (verb === 'define' && wanted !== null) {
    const card = physicalFunctionOf(kernel.files, address) ?? parsePciAddress(parent)
    await xeDefinitions.replace(kernel, { address, parent: card, definition: wanted }, options)
  }
}
