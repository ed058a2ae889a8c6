import type { ScenarioMdevType, ScenarioParent } from '../scenario.ts'
import type { Snapshot } from '../state/state.ts'

/** How many devices of a type the parent still has room for, with what it has given out. */
export function availableInstances(parent: ScenarioParent, type: ScenarioMdevType, state: Snapshot): number {
  const used = state.mdevs.filter((mdev) => mdev.parent === parent.name)
  if (parent.oneTypeAtATime && used.some((mdev) => mdev.type !== type.id)) return 0
  const room = Object.entries(type.uses).map(([resource, needed]) => {
    const taken = used.reduce((sum, mdev) => sum + (typeOf(parent, mdev.type)?.uses[resource] ?? 0), 0)
    return Math.floor(((parent.capacity[resource] ?? 0) - taken) / needed)
  })
  return Math.max(0, Math.min(...room))
}

export function typeOf(parent: ScenarioParent, id: string): ScenarioMdevType | undefined {
  return parent.types.find((type) => type.id === id)
}
