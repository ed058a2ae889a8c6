import type { ScenarioMig, ScenarioMigProfile, ScenarioVgpuType } from '../scenario/scenario.ts'
import type { GpuInstanceRecord } from '../state/state.ts'

/** A GPU in MIG mode, with what its GPU instances carry. */
export interface CutGpu {
  readonly instances: readonly Readonly<GpuInstanceRecord>[]
  /** Types of the vGPUs that have a GPU instance, by its number. */
  readonly carried: ReadonlyMap<number, readonly ScenarioVgpuType[]>
}

/**
 * The GPU instance that a vGPU of a type gets: of its profile, and with vGPUs of its framebuffer size alone, as many as
 * fit (bigstack-oss/cubecos PR 1223, an RTX PRO 6000 with vGPU 19: the driver chooses; which of several it takes is not
 * documented, and here it is one that carries some already, then the lowest). Null if there is none.
 */
export function gpuInstanceFor({ instances, carried }: CutGpu, type: ScenarioVgpuType): number | null {
  const wanted = type.gpuInstance
  if (wanted === undefined) return null
  const fitting = instances
    .filter(({ profile, hasCompute }) => profile === wanted.profile && hasCompute)
    .map(({ id }) => ({ id, its: carried.get(id) ?? [] }))
    .filter(({ its }) => its.length < wanted.most && its.every((other) => isOfSize(other, type)))
  return (fitting.find(({ its }) => its.length > 0) ?? fitting[0])?.id ?? null
}

function isOfSize(a: ScenarioVgpuType, b: ScenarioVgpuType): boolean {
  return a.model.kind === 'vgpu' && b.model.kind === 'vgpu' && a.model.framebufferMiB === b.model.framebufferMiB
}

/**
 * The place for one more GPU instance, the lowest that is free, and its number, which tells profile and place (as the
 * listings of an RTX PRO 6000 show: 3 to 6 are the quarters, 1 and 2 the halves). Null if there is no room.
 */
export function placeFor(
  { units, profiles }: ScenarioMig,
  instances: readonly Readonly<GpuInstanceRecord>[],
  profile: ScenarioMigProfile,
): { id: number; start: number } | null {
  const taken = instances.map(({ profile: id, start }) => {
    return { start, end: start + (profiles.find((it) => it.id === id)?.units ?? 0) }
  })
  for (let start = 0; start < units; start += profile.units) {
    if (taken.some((it) => it.start < start + profile.units && it.end > start)) continue
    return { id: units / profile.units - 1 + start / profile.units, start }
  }
  return null
}
