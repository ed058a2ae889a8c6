import type { HostFiles } from '../../kernel/kernel.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { cardOf } from '../kinds/mdev/mdev-places.ts'
import type { Place } from '../spec/yaml-fault.ts'
import type { PlanEntry, PlannedVgpu } from '../wanted/plan.ts'

/** A virtual device that runs, or is to run, on a card. */
export interface Carried {
  /** UUID or address. */
  readonly name: string
  /** The card, or the one of its functions that is the parent. */
  readonly parent: string
  readonly type: string
}

/** What a card carries now, and what a plan has for it. */
export interface CardLoad {
  /** Where the file asks for the first of what comes. */
  readonly at: Place | null
  readonly card: string
  readonly kind: VirtualDevice['kind']
  readonly stays: readonly Carried[]
  readonly leaves: readonly Carried[]
  readonly comes: readonly Carried[]
}

/** Of each card to which something comes. */
export function cardLoads(
  files: HostFiles,
  entries: readonly (PlanEntry | PlannedVgpu)[],
  present: readonly VirtualDevice[],
): CardLoad[] {
  const leaving = new Set(entries.filter(({ moves }) => moves.includes('stop')).map(nameOf))
  const loads = new Map<
    string,
    { at: Place | null; kind: VirtualDevice['kind']; stays: Carried[]; leaves: Carried[]; comes: Carried[] }
  >()
  const load = (kind: VirtualDevice['kind'], parent: string) => {
    const card = kind === 'mdev' ? cardOf(files, parent) : parent
    const known = loads.get(card) ?? { at: null, kind, stays: [], leaves: [], comes: [] }
    loads.set(card, known)
    return known
  }
  for (const { kind, name, parent, type, active } of present) {
    if (active) load(kind, parent)[leaving.has(name) ? 'leaves' : 'stays'].push({ name, parent, type })
  }
  for (const item of entries) {
    const { kind, parent, type } = item
    if (!isComing(item)) continue
    const its = load(kind, parent)
    its.at ??= item.at
    its.comes.push({ name: nameOf(item), parent, type })
  }
  return [...loads].filter(([, { comes }]) => comes.length > 0).map(([card, its]) => ({ card, ...its }))
}

/** Whether it makes a device, and does not only give one that runs to its owner. */
function isComing({ action, moves, running }: PlanEntry | PlannedVgpu): boolean {
  return moves.includes('start') && (action === 'create' || running === null || moves.includes('stop'))
}

function nameOf(item: PlanEntry | PlannedVgpu): string {
  return item.kind === 'mdev' ? item.uuid : item.device
}
