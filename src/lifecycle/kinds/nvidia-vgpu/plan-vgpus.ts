import type { PciAddress } from '../../../base/units.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Step } from '../../change/change.ts'
import type { Definition } from '../../definition/definition.ts'
import { futureOwnerSteps, ownerSteps } from '../../device/node-owner.ts'
import { isTypeNamed } from '../../device/type-named.ts'
import type { NodeOwner } from '../../settings/node-owners.ts'
import type { PlanRequest } from '../../wanted/device-planning.ts'
import type { FuturePlace, PlacedFunction, PresentFunction } from '../../wanted/function-placing.ts'
import type { FutureFunctions } from '../../wanted/future-functions.ts'
import { keepOwnerSteps } from '../../wanted/owner-setting.ts'
import type { NoRoom, Verb } from '../../wanted/plan.ts'
import { type Decision, decide, plannedDevice, removalVerbs, settingFault } from '../../wanted/planned-device.ts'
import type { SpecDevices } from '../../wanted/spec.ts'
import { placeFunctions } from '../card-function/plan-placed.ts'
import { isMdev } from '../mdev/mdev-identity.ts'
import { chooseVgpuType } from './choose-type.ts'
import { vgpuDefinitions } from './definitions.ts'
import { newVgpu } from './function-writes.ts'
import { findVgpuPlace } from './place.ts'
import { stopSteps } from './stop-vgpu.ts'
import { reasonToCome } from './turned-out-mdev.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import { isVgpu, type PlannedVgpu, vgpuIdentity } from './vgpu-identity.ts'
import { ownedNodes } from './vgpu-nodes.ts'
import { knownTypes } from './vgpu-type-names.ts'

/** Plans the changes that make vendor vGPUs as a spec says, after its virtual functions are there. */
export function planVgpus(
  files: HostFiles,
  { path, parents, future, lost, present: all }: PlanRequest,
): { readonly entries: PlannedVgpu[]; readonly noRoom: readonly NoRoom[] } {
  const present = all.filter(isVgpu)
  // also those that wait for their functions
  const mdevs = new Set(all.filter(isMdev).map(({ parent }) => parent))
  const placing = placeFunctions({ files, path, present, lost }, parents, {
    kind: 'vgpu',
    preferred: mdevs,
    placeOf: (on) => placeOf(files, on, future),
    definitionOf: (places, devices) => definitionOf(files, places, devices),
    replaces: ({ others }) => others === 'remove',
  })
  const entries = [
    ...placing.surplus.map(({ device, reason }) => removal(files, device, reason)),
    ...placing.placed.flatMap((placed) => {
      const device = present.find(({ name }) => name === placed.name) ?? null
      return entriesFor(files, placed, device, future)
    }),
  ]
  return { entries, noRoom: placing.noRoom }
}

function placeOf(files: HostFiles, on: PciAddress, future: FutureFunctions): FuturePlace {
  const coming = future.of(on)
  if (coming !== null) return { on, card: on, functions: coming, isThere: false }
  const owner = future.cardOf(on)
  if (owner !== null) return { on, card: owner, functions: [on], isThere: false }
  const { card, functions } = findVgpuPlace(files, on)
  return { on, card, functions: functions.map(({ address }) => address), isThere: true }
}

function definitionOf(
  files: HostFiles,
  [place]: readonly FuturePlace[],
  { type, start, attributes, wanted }: SpecDevices,
): Definition {
  const on = 'function' in wanted ? wanted.function : null
  const id = place?.isThere === true ? chooseVgpuType(files, place.card, type, on).type : notedType(files, type)
  return { type: id, start, attributes }
}

/** By its id, if one of that name was seen before: what is defined stands by that. */
function notedType(files: HostFiles, name: string): string {
  const ids = knownTypes(files).map(({ id, name }) => ({ type: String(id), name }))
  const [only, ...others] = ids.filter((type) => isTypeNamed(type, name))
  return only !== undefined && others.length === 0 ? only.type : name
}

/** One that has another type ends first, with all others that do: a card may take no second type beside the first. */
function entriesFor(
  files: HostFiles,
  placed: PlacedFunction,
  device: PresentFunction | null,
  future: FutureFunctions,
): PlannedVgpu[] {
  const { name, parent, definition, owner } = placed
  const decision = decide(files, placed, {
    device,
    fault: () => (device === null ? null : faultOf(files, device, definition)),
    nodes: () => nodesToGive(files, name, owner),
  })
  const { reason, verbs } = decision
  if (device === null && future.cardOf(name) !== null) {
    return [entry(files, placed, device, { ...decision, reason: reasonToCome(files, parent) })]
  }
  if (!verbs.includes('stop')) return [entry(files, placed, device, decision)]
  // its end may have taken the owner along
  const anew: Verb[] = [
    ...verbs.filter((verb) => verb === 'define'),
    ...(owner === null ? [] : ['keep-owner' as const]),
    'start',
  ]
  return [
    entry(files, placed, device, { ...decision, verbs: ['stop'] }),
    entry(files, placed, device, { action: 'create', reason: `is to be made anew: it ${reason}`, verbs: anew }),
  ]
}

/** The nodes that are to have this owner; none if their function is not there yet. */
function nodesToGive(files: HostFiles, address: PciAddress, owner: NodeOwner | null): string[] {
  const vgpu = owner === null ? null : readVgpuFunction(files, address)
  return vgpu === null ? [] : ownedNodes(vgpu)
}

/** The reason why it has to be made anew; null if it need not. */
function faultOf(files: HostFiles, { name, type, definition }: PresentFunction, wanted: Definition): string | null {
  if (type !== wanted.type) return `has type ${type}`
  return settingFault(files, name, definition === null ? null : { ...definition, type }, wanted)
}

function removal(files: HostFiles, device: PresentFunction, reason: string): PlannedVgpu {
  const { name, parent } = device
  const verbs = removalVerbs(device)
  const steps = verbs.flatMap((verb) =>
    verb === 'stop' ? stopSteps(files, name) : vgpuDefinitions.undefineSteps(files, name, false),
  )
  const asked = { wanted: null, owner: null, at: null }
  return plannedDevice(files, vgpuIdentity(name), { ...asked, action: 'remove', parent, reason, verbs, steps, device })
}

function entry(
  files: HostFiles,
  { name: address, parent, definition, at, owner }: PlacedFunction,
  device: PresentFunction | null,
  decision: Decision,
): PlannedVgpu {
  const { create, attributes } = newVgpu(address, definition.type, definition.attributes)
  const steps = decision.verbs.flatMap((verb): Step[] => {
    if (verb === 'stop') return stopSteps(files, address)
    if (verb === 'keep-owner') return keepOwnerSteps(address, owner)
    if (verb === 'define')
      return [{ action: 'save', path: vgpuDefinitions.settings.path(address), content: shownFile(parent, definition) }]
    const nodes = nodesToGive(files, address, owner)
    if (decision.action === 'change') return ownerSteps(files, nodes, owner)
    const isKnown = nodes.length > 0 && device?.active !== true
    const owning = isKnown ? ownerSteps(files, nodes, owner) : futureOwnerSteps(files, pciPath(address), owner)
    return [create, ...attributes, ...owning]
  })
  const asked = { wanted: definition, owner, at }
  return plannedDevice(files, vgpuIdentity(address), { ...asked, ...decision, parent, steps, device })
}

/** As it will be kept, or, if only the functions to come will tell the type's id, with its name in that place. */
function shownFile(card: PciAddress, definition: Definition): string {
  const file = vgpuDefinitions.fileOf({ parent: card, definition })
  return /^\d+$/.test(definition.type) ? vgpuDefinitions.settings.format(file) : `${JSON.stringify(file, null, 2)}\n`
}
