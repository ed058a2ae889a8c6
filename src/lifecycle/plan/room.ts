import { VfioError } from '../../base/errors.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { planningOf } from '../kinds/plannings.ts'
import type { FutureFunctions } from '../wanted/future-functions.ts'
import { inFile } from '../wanted/invalid-spec.ts'
import type { NoRoom, Plan, PlannedDevice } from '../wanted/plan.ts'
import { cardLoads } from './card-loads.ts'

/**
 * The cards that cannot carry all that a plan has for them, once all of it is carried out. Only what is sure is said:
 * what sysfs does not tell shows when the device is made, and the card is taken back to what it was then.
 */
export function reckonRoom(
  files: HostFiles,
  entries: readonly PlannedDevice[],
  present: readonly VirtualDevice[],
  future: FutureFunctions,
): NoRoom[] {
  return cardLoads(files, entries, present).flatMap((load) => {
    // what is said of functions that go is not said of those that come
    if (future.isCard(load.card)) return []
    const fault = planningOf(load).roomFault(files, load)
    return fault === null ? [] : [{ at: load.at, card: load.card, ...fault }]
  })
}

/** NO_INSTANCE_LEFT for cards that cannot carry what a file asks for. */
export function noRoom(path: string, faults: readonly [NoRoom, ...NoRoom[]], outcome: string): VfioError {
  const what = faults
    .map(({ at, card, why }) => `${inFile(path, at)}: ${card} cannot carry all that the file asks for: ${why}`)
    .join('; ')
  return new VfioError('NO_INSTANCE_LEFT', `${outcome}: ${what}`, {
    hint: faults[0].hint,
    path,
    facts: { ...faults[0].at, cards: faults.map(({ card }) => card) },
  })
}

/** NO_INSTANCE_LEFT if a plan has more for a card than it can carry. */
export function checkRoom({ path, noRoom: faults }: Pick<Plan, 'path' | 'noRoom'>): void {
  const [first, ...others] = faults
  if (first !== undefined) throw noRoom(path, [first, ...others], 'nothing is done')
}
