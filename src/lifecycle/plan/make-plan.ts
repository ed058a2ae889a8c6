import type { Kernel } from '../../kernel/kernel.ts'
import { list } from '../kinds/list.ts'
import { plannings } from '../kinds/plannings.ts'
import { gpuParents } from '../spec/gpu-parents.ts'
import type { WritesBefore } from '../sriov/functions-plan.ts'
import { FutureFunctions } from '../wanted/future-functions.ts'
import type { Plan } from '../wanted/plan.ts'
import type { Spec } from '../wanted/spec.ts'
import { checkContradictions, losesDriver } from './contradictions.ts'
import { parentsToBe } from './parents-to-be.ts'
import { planBindings } from './plan-bindings.ts'
import {
  cardsWithoutFunctions,
  type GpuStates,
  planMigModes,
  planVgpuModes,
  withModesChanged,
} from './plan-gpu-modes.ts'
import { planSriov } from './plan-sriov.ts'
import { reckonRoom } from './room.ts'

/** The plan of what would make this host as a spec says, with GPUs in these states. Changes nothing. */
export function makePlan({ files }: Pick<Kernel, 'files'>, spec: Spec, states: GpuStates = new Map()): Plan {
  const { devices: all, warnings } = list(files)
  const gpus = gpuParents(files, spec)
  const mig = planMigModes(files, spec, states)
  const sriov = planSriov(files, spec, cardsWithoutFunctions(mig))
  const modes = planVgpuModes(files, spec, states, sriov)
  const future = new FutureFunctions(files, withModesChanged(sriov, modes))
  const parents = [...spec.parents, ...gpus.parents]
    .filter(({ devices, others }) => devices.length > 0 || others === 'remove')
    .map((parent) => parentsToBe(files, spec.path, parent, future))
  const bindings = planBindings(files, spec, future)
  const lost = new Set(bindings.filter(losesDriver).map(({ device }) => device))
  const request = { path: spec.path, parents, future, lost, present: all }
  const planned = plannings.map((planning) => planning.plan(files, request))
  const entries = planned.flatMap((it) => it.entries)
  checkContradictions(files, { path: spec.path, parents, bindings, sriov, entries, future })
  const before: WritesBefore = (_, card, count) =>
    plannings.flatMap((planning) => planning.writesBeforeFunctions(files, card, count, entries))
  return {
    path: spec.path,
    bindings,
    sriov: entries.some(({ beforeSriov }) => beforeSriov)
      ? planSriov(files, spec, cardsWithoutFunctions(mig), before)
      : sriov,
    gpuModes: [...mig, ...modes],
    entries: entries.sort((a, b) => orderOf(a) - orderOf(b)),
    noRoom: [...planned.flatMap(({ noRoom }) => noRoom), ...reckonRoom(files, entries, all, future)],
    warnings: [...warnings, ...gpus.warnings],
  }
}

/**
 * Removals make room; what is stopped and started again may need it; new ones come last. If only a definition goes,
 * that is after another one of the same device has come: what is kept of its owner goes with the last.
 */
function orderOf({ action, verbs }: Plan['entries'][number]): number {
  if (action === 'remove' && !verbs.includes('stop')) return 4
  return ['remove', 'change', 'create', 'keep'].indexOf(action)
}
