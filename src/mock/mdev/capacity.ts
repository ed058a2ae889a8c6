import type { ScenarioMdevType, ScenarioParent } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'

/** How many devices of a type the parent still has room for, with what it has given out. */
export function availableInstances(parent: ScenarioParent, type: ScenarioMdevType, state: Snapshot): number {
  const used = state.mdevs.filter((mdev) => isOfCard(mdev.parent, parent, state))
  if (parent.card !== undefined && used.some((mdev) => mdev.parent === parent.name)) return 0
  if (parent.oneTypeAtATime && used.some((mdev) => mdev.type !== type.id)) return 0
  const room = roomFor(
    type.uses,
    parent.capacity,
    used.flatMap((mdev) => typeOf(parent, mdev.type) ?? []),
  )
  return parent.card === undefined ? room : Math.min(1, room)
}

/** Whether a device's parent is this one, or another function of its card. */
function isOfCard(name: string, parent: ScenarioParent, { pci }: Snapshot): boolean {
  return name === parent.name || (parent.card !== undefined && pci[name]?.physfn === parent.card)
}

/** How often `uses` fits into what `capacity` has left beside those in use. */
export function roomFor(
  uses: Readonly<Record<string, number>>,
  capacity: Readonly<Record<string, number>>,
  inUse: readonly { readonly uses: Readonly<Record<string, number>> }[],
): number {
  const room = Object.entries(uses).map(([resource, needed]) => {
    const taken = inUse.reduce((sum, other) => sum + (other.uses[resource] ?? 0), 0)
    return Math.floor(((capacity[resource] ?? 0) - taken) / needed)
  })
  return Math.max(0, Math.min(...room))
}

export function typeOf(parent: ScenarioParent, id: string): ScenarioMdevType | undefined {
  return parent.types.find((type) => type.id === id)
}
