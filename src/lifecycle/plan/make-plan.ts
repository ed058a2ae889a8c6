import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Step } from '../change.ts'
import { creationSteps } from '../create-device.ts'
import { type Definition, formatDefinition, sameDefinition } from '../definition.ts'
import { isHalfMade } from '../half-made.ts'
import { list } from '../list.ts'
import { removalStep } from '../remove-device.ts'
import type { Spec } from '../spec/spec.ts'
import { definitionPath } from '../store.ts'
import type { VirtualDevice } from '../virtual-device.ts'
import type { Move, Plan, PlanEntry } from './plan.ts'
import { placeDevices, type WantedDevice } from './wanted-devices.ts'

/** What would have to be done for this host to be as a spec says. Changes nothing. */
export function makePlan({ files }: Pick<Kernel, 'files'>, spec: Spec): Plan {
  const { devices: present, warnings } = list(files)
  const { devices, surplus } = placeDevices(files, spec, present)
  const entries = [
    ...surplus.map(({ device, reason }) => removal(device, reason)),
    ...devices.map((wanted) => entryFor(files, wanted, present)),
  ]
  return { entries: entries.sort((a, b) => orderOf(a) - orderOf(b)), warnings }
}

/** Removals make room; what is stopped and started again may need it; new ones come last. */
function orderOf({ action }: PlanEntry): number {
  return ['remove', 'change', 'create', 'keep'].indexOf(action)
}

function removal(device: VirtualDevice, reason: string): PlanEntry {
  const moves: Move[] = [
    ...(device.active ? ['stop' as const] : []),
    ...(device.definition ? ['undefine' as const] : []),
  ]
  return entry('remove', device, null, device, reason, moves)
}

function entryFor(files: HostFiles, wanted: WantedDevice, present: readonly VirtualDevice[]): PlanEntry {
  const its = present.filter(({ uuid }) => uuid === wanted.uuid)
  const device = its.find(({ parent }) => parent === wanted.parent) ?? null
  const elsewhere = its.find(({ parent, active }) => active && parent !== wanted.parent)
  const entryOf = (action: PlanEntry['action'], reason: string, moves: Move[]) =>
    entry(action, wanted, wanted.definition, elsewhere ?? device, reason, moves, device?.definition ?? null)
  if (elsewhere !== undefined) {
    return entryOf('change', `runs on ${elsewhere.parent}`, ['stop', 'define', 'start'])
  }
  if (device === null) return entryOf('create', 'is not there', ['define', 'start'])
  const define: Move[] = isStored(device, wanted.definition) ? [] : ['define']
  if (!device.active) return entryOf('create', 'is defined and does not run', [...define, 'start'])
  const fault = faultOf(files, device, wanted.definition)
  if (fault !== null) return entryOf('change', fault, ['stop', ...define, 'start'])
  if (define.length === 0) return entryOf('keep', 'is as it should be', [])
  const why = device.definition === null ? 'runs and is not defined' : 'is defined to start otherwise'
  return entryOf('change', why, define)
}

/** Why a running device has to be made anew; null where it need not. */
function faultOf(files: HostFiles, { uuid, type, definition }: VirtualDevice, wanted: Definition): string | null {
  if (type !== wanted.type) return `runs with type ${type}`
  if (isHalfMade(files, uuid)) return 'was left half set up'
  if (definition === null) return wanted.attributes.length === 0 ? null : 'runs, and its attributes are not known'
  return sameDefinition({ ...definition, start: wanted.start }, wanted) ? null : 'was started with other attributes'
}

function isStored({ definition }: VirtualDevice, wanted: Definition): boolean {
  return definition !== null && sameDefinition(definition, wanted)
}

function entry(
  action: PlanEntry['action'],
  { uuid, parent }: Pick<WantedDevice, 'uuid' | 'parent'>,
  wanted: Definition | null,
  device: VirtualDevice | null,
  reason: string,
  moves: readonly Move[],
  stored: Definition | null = device?.definition ?? null,
): PlanEntry {
  return {
    action,
    uuid,
    parent,
    type: wanted?.type ?? device?.type ?? '',
    reason,
    moves,
    steps: moves.flatMap((move) => stepsOf(move, { uuid, parent }, wanted)),
    users: moves.includes('stop') ? (device?.users ?? []) : [],
    wanted,
    stored,
  }
}

function stepsOf(
  move: Move,
  { uuid, parent }: Pick<WantedDevice, 'uuid' | 'parent'>,
  wanted: Definition | null,
): Step[] {
  const path = definitionPath(parent, uuid)
  if (move === 'stop') return [removalStep(uuid)]
  if (move === 'undefine') return [{ action: 'delete', path }]
  if (wanted === null) return []
  if (move === 'define') return [{ action: 'save', path, content: formatDefinition(wanted) }]
  return creationSteps({ uuid, parent, ...wanted })
}
