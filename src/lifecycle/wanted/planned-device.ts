import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import { type Definition, sameDefinition } from '../definition/definition.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { ownerSteps } from '../device/node-owner.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { nodeOwners } from '../settings/node-owners.ts'
import { isOwnerKept } from './owner-setting.ts'
import type { PlacedDevice } from './placing.ts'
import type { PlannedChange, PlannedDevice, Verb } from './plan.ts'

/** The action of a plan on a device, its reason and its verbs. */
export type Decision = Pick<PlannedChange, 'action' | 'reason' | 'verbs'>

/** The state of a device that is asked for, as its kind tells it. */
export interface Found {
  readonly device: VirtualDevice | null
  /** The reason why a device that runs has to be made anew; null if it need not. */
  readonly fault: () => string | null
  /** The nodes that open it. */
  readonly nodes: () => readonly string[]
}

/** Decides on the change that makes a device as it is asked for. */
export function decide(
  files: HostFiles,
  { name, definition, owner }: Pick<PlacedDevice, 'definition' | 'owner'> & Pick<DeviceIdentity, 'name'>,
  { device, fault, nodes }: Found,
): Decision {
  const stored = device?.definition ?? null
  const keep: Verb[] = [
    ...(stored !== null && sameDefinition(stored, definition) ? [] : ['define' as const]),
    ...(isOwnerKept(files, name, owner) ? [] : ['keep-owner' as const]),
  ]
  if (device === null) return { action: 'create', reason: 'is not there', verbs: [...keep, 'start'] }
  if (!device.active) return { action: 'create', reason: 'is defined and does not run', verbs: [...keep, 'start'] }
  const reason = fault()
  if (reason !== null) return { action: 'change', reason, verbs: ['stop', ...keep, 'start'] }
  const isGiven = ownerSteps(files, nodes(), owner).length === 0
  if (keep.length === 0 && isGiven) return { action: 'keep', reason: 'is as it should be', verbs: [] }
  return {
    action: 'change',
    reason: whyKept(device, keep, isGiven),
    verbs: isGiven ? keep : [...keep, 'start'],
  }
}

/** The reason why a device that runs with the type asked for has to be made anew; null if it need not. */
export function settingFault(
  files: HostFiles,
  name: string,
  stored: Definition | null,
  wanted: Definition,
): string | null {
  if (isHalfConfigured(files, name)) return 'was left half set up'
  if (stored === null) return wanted.attributes.length === 0 ? null : 'runs, and its attributes are not known'
  return sameDefinition({ ...stored, start: wanted.start }, wanted) ? null : 'was started with other attributes'
}

/** The verbs that end a device that has no place, and forget it. */
export function removalVerbs({ active, definition }: VirtualDevice): Verb[] {
  return [...(active ? ['stop' as const] : []), ...(definition === null ? [] : ['undefine' as const])]
}

interface Planned
  extends Pick<PlannedChange, 'action' | 'parent' | 'reason' | 'at' | 'verbs' | 'steps' | 'wanted' | 'owner'> {
  /** The device that is there by its name; null for none. */
  readonly device: VirtualDevice | null
  /** The definition stored for it, if that is not the device's own. */
  readonly stored?: Definition | null
  readonly beforeSriov?: boolean
}

/** A device in a plan, with all that taking it back takes. */
export function plannedDevice<Identity extends DeviceIdentity>(
  files: HostFiles,
  identity: Identity,
  { device, ...planned }: Planned,
): PlannedDevice<Identity> {
  const { action, parent, reason, at, verbs, steps, wanted, owner } = planned
  return {
    ...identity,
    action,
    parent,
    type: wanted?.type ?? device?.type ?? '',
    reason,
    at,
    verbs,
    steps,
    users: verbs.includes('stop') ? (device?.users ?? []) : [],
    wanted,
    stored: planned.stored ?? device?.definition ?? null,
    owner,
    running: device?.active === true ? { parent: device.parent, type: device.type } : null,
    beforeSriov: planned.beforeSriov === true,
    storedOwner: nodeOwners.readOrNone(files, identity.name),
  }
}

/** The reason to change the definition or owner of a device that runs as it should, in words. */
function whyKept({ definition }: VirtualDevice, verbs: readonly Verb[], isGiven: boolean): string {
  if (verbs.includes('define')) return definition === null ? 'runs and is not defined' : 'is defined to start otherwise'
  return isGiven ? 'is kept for another owner' : 'has a node that belongs to another owner'
}
