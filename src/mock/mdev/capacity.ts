import type { ScenarioMdevType, ScenarioParent } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'

/** How many devices of a type the parent still has room for, with what it has given out. */
export function availableInstances(parent: ScenarioParent, type: ScenarioMdevType, state: Snapshot): number {
  const used = state.mdevs.filter((mdev) => mdev.parent === parent.name)
  if (parent.oneTypeAtATime && used.some((mdev) => mdev.type !== type.id)) return 0
  return roomFor(
    type.uses,
    parent.capacity,
    used.flatMap((mdev) => typeOf(parent, mdev.type) ?? []),
  )
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
