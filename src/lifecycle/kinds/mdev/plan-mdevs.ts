import type { Uuid } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Step } from '../../change/change.ts'
import { mdevIdentity } from '../../change/device-identity.ts'
import { type Definition, formatDefinition, sameDefinition } from '../../definition/definition.ts'
import { isHalfConfigured } from '../../device/half-configured.ts'
import { futureOwnerSteps, ownerSteps } from '../../device/node-owner.ts'
import { isMdev, type VirtualDevice } from '../../device/virtual-device.ts'
import { nodeOwners } from '../../settings/node-owners.ts'
import type { PlanRequest } from '../../wanted/device-planning.ts'
import { isOwnerKept, keepOwnerSteps } from '../../wanted/owner-setting.ts'
import { type Move, type PlannedMdev, whyKept } from '../../wanted/plan.ts'
import { creationSteps } from './create-device.ts'
import { findMdevDevice, mdevPath, nodesOf } from './mdev-devices.ts'
import { type PresentMdev, placeDevices, type WantedDevice } from './plan-placement.ts'
import { removalStep } from './remove-device.ts'
import { definitionPath } from './store.ts'

/** What would have to be done for mediated devices to be as a spec says: removals first. */
export function planMdevs(files: HostFiles, { path, parents, lost, present: all }: PlanRequest): PlannedMdev[] {
  const present = all.filter(isMdev)
  const { devices, surplus } = placeDevices(files, path, parents, present, lost)
  const asked = new Set(devices.map(({ uuid }) => uuid))
  const byUuid = new Map<Uuid, PresentMdev[]>()
  for (const device of present) byUuid.set(device.uuid, [...(byUuid.get(device.uuid) ?? []), device])
  return [
    ...surplus.flatMap(({ device, reason }) => {
      const isMoved = asked.has(device.uuid)
      return isMoved && device.definition === null ? [] : [removal(files, device, reason, isMoved)]
    }),
    ...inTurn(devices.map((wanted) => entryFor(files, wanted, byUuid.get(wanted.uuid) ?? []))),
  ]
}

/** Where several are made anew as others than they were, all end before the first one starts: it may need the room of another. */
function inTurn(entries: readonly PlannedMdev[]): PlannedMdev[] {
  const isOther = ({ action, moves, running, parent, type }: PlannedMdev) =>
    action === 'change' && moves.includes('stop') && (running?.parent !== parent || running.type !== type)
  if (entries.filter(isOther).length < 2) return [...entries]
  return entries.flatMap((one) => {
    if (!isOther(one)) return [one]
    const [ending, ...steps] = one.steps
    const moves = one.moves.filter((move) => move !== 'stop')
    return [
      { ...one, moves: ['stop'], steps: ending === undefined ? [] : [ending] },
      { ...one, action: 'create', reason: `is to be made anew: it ${one.reason}`, moves, steps, users: [] },
    ]
  })
}

/** `isMoved`: it is wanted on another parent. What brings it there stops it, and its owner stays. */
function removal(files: HostFiles, device: PresentMdev, reason: string, isMoved: boolean): PlannedMdev {
  const moves: Move[] = [
    ...(device.active && !isMoved ? ['stop' as const] : []),
    ...(device.definition ? ['undefine' as const] : []),
  ]
  return entry(files, {
    ...device,
    action: 'remove',
    at: null,
    wanted: null,
    owner: null,
    device,
    reason,
    moves,
    isMoved,
  })
}

/** `its`: what is there by its UUID, on whatever parent. */
function entryFor(files: HostFiles, asked: WantedDevice, its: readonly PresentMdev[]): PlannedMdev {
  const { definition, owner } = asked
  const device = its.find(({ parent }) => parent === asked.parent) ?? null
  const elsewhere = its.find(({ parent, active }) => active && parent !== asked.parent)
  const keepOwner: Move[] = isOwnerKept(files, asked.uuid, owner) ? [] : ['keep-owner']
  const entryOf = (action: PlannedMdev['action'], reason: string, moves: Move[]) => {
    return entry(files, {
      ...asked,
      action,
      wanted: definition,
      device: elsewhere ?? device,
      reason,
      moves,
      stored: device?.definition ?? null,
    })
  }
  if (elsewhere !== undefined) {
    return entryOf('change', `runs on ${elsewhere.parent}`, ['stop', 'define', ...keepOwner, 'start'])
  }
  if (device === null) return entryOf('create', 'is not there', ['define', ...keepOwner, 'start'])
  const keep: Move[] = [...(isStored(device, definition) ? [] : ['define' as const]), ...keepOwner]
  if (!device.active) return entryOf('create', 'is defined and does not run', [...keep, 'start'])
  const fault = faultOf(files, device, definition)
  if (fault !== null) return entryOf('change', fault, ['stop', ...keep, 'start'])
  const isGiven = ownerSteps(files, runningNodes(files, asked.uuid), owner).length === 0
  if (keep.length === 0 && isGiven) return entryOf('keep', 'is as it should be', [])
  return entryOf('change', whyKept(device, keep, isGiven), isGiven ? keep : [...keep, 'start'])
}

function runningNodes(files: HostFiles, uuid: Uuid): string[] {
  const running = findMdevDevice(files, uuid)
  return running === null ? [] : nodesOf(running)
}

/** Why a running device has to be made anew; null where it need not. */
function faultOf(files: HostFiles, { uuid, type, definition }: PresentMdev, wanted: Definition): string | null {
  if (type !== wanted.type) return `runs with type ${type}`
  if (isHalfConfigured(files, uuid)) return 'was left half set up'
  if (definition === null) return wanted.attributes.length === 0 ? null : 'runs, and its attributes are not known'
  return sameDefinition({ ...definition, start: wanted.start }, wanted) ? null : 'was started with other attributes'
}

function isStored({ definition }: VirtualDevice, wanted: Definition): boolean {
  return definition !== null && sameDefinition(definition, wanted)
}

interface Planned
  extends Pick<PlannedMdev, 'action' | 'uuid' | 'parent' | 'wanted' | 'owner' | 'reason' | 'at' | 'moves'> {
  readonly device: VirtualDevice | null
  readonly stored?: Definition | null
  readonly isMoved?: boolean
}

function entry(files: HostFiles, { device, ...planned }: Planned): PlannedMdev {
  const { action, uuid, parent, wanted, owner, reason, at, moves } = planned
  return {
    ...mdevIdentity(uuid),
    action,
    parent,
    type: wanted?.type ?? device?.type ?? '',
    reason,
    at,
    moves,
    steps: moves.flatMap((move) => stepsOf(files, move, planned)),
    users: moves.includes('stop') ? (device?.users ?? []) : [],
    wanted,
    owner,
    stored: planned.stored ?? device?.definition ?? null,
    running: device?.active === true ? { parent: device.parent, type: device.type } : null,
    storedOwner: nodeOwners.readOrNone(files, uuid),
  }
}

function stepsOf(
  files: HostFiles,
  move: Move,
  { uuid, parent, wanted, owner, moves, isMoved = false }: Omit<Planned, 'device'>,
): Step[] {
  const path = definitionPath(parent, uuid)
  const ownerPath = nodeOwners.path(uuid)
  if (move === 'stop') return [removalStep(uuid)]
  if (move === 'undefine') {
    const paths = [path, ...(isMoved || files.kind(ownerPath) === null ? [] : [ownerPath])]
    return paths.map((path) => ({ action: 'delete', path }))
  }
  if (wanted === null) return []
  if (move === 'define') return [{ action: 'save', path, content: formatDefinition(wanted) }]
  if (move === 'keep-owner') return keepOwnerSteps(uuid, owner)
  const nodes = moves.includes('stop') ? [] : runningNodes(files, uuid)
  if (nodes.length > 0) return ownerSteps(files, nodes, owner)
  const next = owner ?? nodeOwners.readOrNone(files, uuid)
  return [...creationSteps({ uuid, parent, ...wanted }), ...futureOwnerSteps(files, mdevPath(uuid), next)]
}
