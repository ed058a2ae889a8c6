import type { Uuid } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Step } from '../../change/change.ts'
import { type Definition, formatDefinition } from '../../definition/definition.ts'
import { futureOwnerSteps, ownerSteps } from '../../device/node-owner.ts'
import { type NodeOwner, nodeOwners } from '../../settings/node-owners.ts'
import type { PlanRequest } from '../../wanted/device-planning.ts'
import { isOwnerKept, keepOwnerSteps } from '../../wanted/owner-setting.ts'
import type { Verb } from '../../wanted/plan.ts'
import { type Decision, decide, plannedDevice, removalVerbs, settingFault } from '../../wanted/planned-device.ts'
import { creationSteps } from './create-device.ts'
import { findMdevDevice, mdevPath, nodesOf } from './mdev-devices.ts'
import { isMdev, mdevIdentity, type PlannedMdev } from './mdev-identity.ts'
import { type PlacedMdev, type PresentMdev, placeDevices } from './plan-placement.ts'
import { removalStep } from './remove-device.ts'
import { definitionPath } from './store.ts'

/** Plans the changes that make mediated devices as a spec says: removals first. */
export function planMdevs(files: HostFiles, { path, parents, lost, present: all }: PlanRequest): PlannedMdev[] {
  const present = all.filter(isMdev)
  const { placed, surplus } = placeDevices({ files, path, present, lost }, parents)
  const asked = new Set(placed.map(({ name }) => name))
  const byUuid = new Map<Uuid, PresentMdev[]>()
  for (const device of present) byUuid.set(device.uuid, [...(byUuid.get(device.uuid) ?? []), device])
  return [
    ...surplus.flatMap(({ device, reason }) => {
      const isMoved = asked.has(device.uuid)
      return isMoved && device.definition === null ? [] : [removal(files, device, reason, isMoved)]
    }),
    ...inTurn(placed.map((wanted) => entryFor(files, wanted, byUuid.get(wanted.name) ?? []))),
  ]
}

/** Splits changes of type or parent, if several, so that all end before one starts: it may need their room. */
function inTurn(entries: readonly PlannedMdev[]): PlannedMdev[] {
  const isOther = ({ action, verbs, running, parent, type }: PlannedMdev) =>
    action === 'change' && verbs.includes('stop') && (running?.parent !== parent || running.type !== type)
  if (entries.filter(isOther).length < 2) return [...entries]
  return entries.flatMap((one) => {
    if (!isOther(one)) return [one]
    const [ending, ...steps] = one.steps
    const verbs = one.verbs.filter((verb) => verb !== 'stop')
    return [
      { ...one, verbs: ['stop'], steps: ending === undefined ? [] : [ending] },
      { ...one, action: 'create', reason: `is to be made anew: it ${one.reason}`, verbs, steps, users: [] },
    ]
  })
}

/** `isMoved`: it is wanted on another parent. What brings it there stops it, and its owner stays. */
function removal(files: HostFiles, device: PresentMdev, reason: string, isMoved: boolean): PlannedMdev {
  const { uuid, parent } = device
  const verbs = removalVerbs(device).filter((verb) => verb !== 'stop' || !isMoved)
  const asked = { uuid, parent, wanted: null, owner: null }
  return plannedDevice(files, mdevIdentity(uuid), {
    ...asked,
    action: 'remove',
    at: null,
    device,
    reason,
    verbs,
    steps: verbs.flatMap((verb) => stepsOf(files, verb, { ...asked, verbs, isMoved })),
  })
}

/** `its`: what is there by its UUID, on whatever parent. */
function entryFor(files: HostFiles, asked: PlacedMdev, its: readonly PresentMdev[]): PlannedMdev {
  const { name: uuid, parent, definition: wanted, owner, at } = asked
  const device = its.find((it) => it.parent === parent) ?? null
  const elsewhere = its.find((it) => it.active && it.parent !== parent)
  const decision: Decision =
    elsewhere === undefined
      ? decide(files, asked, {
          device,
          fault: () => (device === null ? null : faultOf(files, device, wanted)),
          nodes: () => runningNodes(files, uuid),
        })
      : {
          action: 'change',
          reason: `runs on ${elsewhere.parent}`,
          verbs: ['stop', 'define', ...(isOwnerKept(files, uuid, owner) ? [] : ['keep-owner' as const]), 'start'],
        }
  const { verbs } = decision
  return plannedDevice(files, mdevIdentity(uuid), {
    ...decision,
    parent,
    at,
    wanted,
    owner,
    device: elsewhere ?? device,
    stored: device?.definition ?? null,
    steps: verbs.flatMap((verb) => stepsOf(files, verb, { uuid, parent, wanted, owner, verbs, isMoved: false })),
  })
}

function runningNodes(files: HostFiles, uuid: Uuid): string[] {
  const running = findMdevDevice(files, uuid)
  return running === null ? [] : nodesOf(running)
}

/** The reason why a running device has to be made anew; null if it need not. */
function faultOf(files: HostFiles, { uuid, type, definition }: PresentMdev, wanted: Definition): string | null {
  return type === wanted.type ? settingFault(files, uuid, definition, wanted) : `runs with type ${type}`
}

interface Asked {
  readonly uuid: Uuid
  readonly parent: string
  readonly wanted: Definition | null
  readonly owner: NodeOwner | null
  readonly verbs: readonly Verb[]
  readonly isMoved: boolean
}

function stepsOf(files: HostFiles, verb: Verb, { uuid, parent, wanted, owner, verbs, isMoved }: Asked): Step[] {
  const path = definitionPath(parent, uuid)
  const ownerPath = nodeOwners.path(uuid)
  if (verb === 'stop') return [removalStep(uuid)]
  if (verb === 'undefine') {
    const paths = [path, ...(isMoved || files.kind(ownerPath) === null ? [] : [ownerPath])]
    return paths.map((path) => ({ action: 'delete', path }))
  }
  if (wanted === null) return []
  if (verb === 'define') return [{ action: 'save', path, content: formatDefinition(wanted) }]
  if (verb === 'keep-owner') return keepOwnerSteps(uuid, owner)
  const nodes = verbs.includes('stop') ? [] : runningNodes(files, uuid)
  if (nodes.length > 0) return ownerSteps(files, nodes, owner)
  const next = owner ?? nodeOwners.readOrNone(files, uuid)
  return [...creationSteps({ uuid, parent, ...wanted }), ...futureOwnerSteps(files, mdevPath(uuid), next)]
}
