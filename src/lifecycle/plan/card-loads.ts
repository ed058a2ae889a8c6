import type { HostFiles } from '../../kernel/kernel.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { planningOf } from '../kinds/plannings.ts'
import type { CardLoad, Carried } from '../wanted/card-load.ts'
import type { Place } from '../wanted/invalid-spec.ts'
import type { PlannedDevice } from '../wanted/plan.ts'

/** Of each card to which something comes. */
export function cardLoads(
  files: HostFiles,
  entries: readonly PlannedDevice[],
  present: readonly VirtualDevice[],
): CardLoad[] {
  const leaving = new Set(entries.filter(({ verbs: moves }) => moves.includes('stop')).map(({ name }) => name))
  const loads = new Map<
    string,
    { at: Place | null; kind: VirtualDevice['kind']; stays: Carried[]; leaves: Carried[]; comes: Carried[] }
  >()
  const load = (kind: VirtualDevice['kind'], parent: string) => {
    const card = planningOf({ kind }).cardOf(files, parent)
    const known = loads.get(card) ?? { at: null, kind, stays: [], leaves: [], comes: [] }
    loads.set(card, known)
    return known
  }
  for (const { kind, name, parent, type, active } of present) {
    if (active) load(kind, parent)[leaving.has(name) ? 'leaves' : 'stays'].push({ name, parent, type })
  }
  for (const item of entries) {
    const { kind, name, parent, type } = item
    if (!isComing(item)) continue
    const its = load(kind, parent)
    its.at ??= item.at
    its.comes.push({ name, parent, type })
  }
  return [...loads].filter(([, { comes }]) => comes.length > 0).map(([card, its]) => ({ card, ...its }))
}

/** True if it makes a device, and does not only give one that runs to its owner. */
function isComing({ action, verbs: moves, running }: PlannedDevice): boolean {
  return moves.includes('start') && (action === 'create' || running === null || moves.includes('stop'))
}
