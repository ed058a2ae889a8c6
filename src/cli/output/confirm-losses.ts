import { VfioError } from '../../base/errors.ts'
import { losses, type Plan } from '../../lifecycle/wanted/plan.ts'
import type { Io } from '../io/io.ts'

/**
 * Lists what a plan takes away, and asks for it on a terminal. NOT_CONFIRMED if the answer is no, or if no terminal is
 * there to ask; a plan that takes nothing away is not asked for.
 */
export async function confirmLosses(plan: Plan, io: Pick<Io, 'err' | 'confirm'>, isJson: boolean): Promise<void> {
  const lost = losses(plan)
  if (lost.length === 0) return
  // JSON has them in the error
  if (!isJson) for (const line of lost) io.err(`${line}\n`)
  const isYes = await io.confirm(`${lost.length} to be taken away: go on?`)
  if (isYes === null) {
    throw notConfirmed(`it takes ${lost.length} away, and no terminal is there to ask`, 'does it', lost)
  }
  if (!isYes) throw notConfirmed('it was not confirmed', 'does it unasked', lost)
}

function notConfirmed(why: string, what: string, lost: readonly string[]): VfioError {
  return new VfioError('NOT_CONFIRMED', `nothing is changed: ${why}`, {
    hint: `\`vfioctl apply FILE --yes\` ${what}`,
    facts: { lost },
  })
}
