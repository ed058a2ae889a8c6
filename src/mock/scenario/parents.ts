import type { ScenarioMdevType, ScenarioParent } from './scenario.ts'

/** The one parent of vfio_ap's devices. */
export const matrixParent = 'matrix'

/** Times that `uses` fits into what `capacity` has left beside those in use. */
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

/** A type of a parent by its identifier. */
export function typeOf(parent: ScenarioParent, id: string): ScenarioMdevType | undefined {
  return parent.types.find((type) => type.id === id)
}
