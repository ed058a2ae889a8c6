import { roomFor, typeOf } from '../scenario/parents.ts'
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
