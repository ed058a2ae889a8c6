import type { PciAddress } from '../../../base/units.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Step } from '../../change/change.ts'
import { vgpuIdentity } from '../../change/device-identity.ts'
import { type Definition, sameDefinition } from '../../definition/definition.ts'
import { isHalfConfigured } from '../../device/half-configured.ts'
import { futureOwnerSteps, ownerSteps } from '../../device/node-owner.ts'
import { isTypeNamed } from '../../device/type-named.ts'
import { isMdev, isVgpu } from '../../device/virtual-device.ts'
import { type NodeOwner, nodeOwners } from '../../settings/node-owners.ts'
import type { PlacedParent } from '../../wanted/chosen-parents.ts'
import type { PlanRequest } from '../../wanted/device-planning.ts'
import type { FutureFunctions } from '../../wanted/future-functions.ts'
import { isOwnerKept, keepOwnerSteps } from '../../wanted/owner-setting.ts'
import { type Move, type NoRoom, type PlannedVgpu, type Running, whyKept } from '../../wanted/plan.ts'
import type { SpecDevices } from '../../wanted/spec.ts'
import { chooseVgpuType } from './choose-type.ts'
import { undefineSteps } from './define-vgpu.ts'
import { vgpuFile, vgpuSettings } from './definitions.ts'
import { newVgpu } from './function-writes.ts'
import { findVgpuPlace } from './place.ts'
import { type FuturePlace, type PlacedVgpu, type PresentVgpu, VgpuPlacing } from './plan-placement.ts'
import { stopSteps } from './stop-vgpu.ts'
import { reasonToCome } from './turned-out-mdev.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import { ownedNodes } from './vgpu-nodes.ts'
import { knownTypes } from './vgpu-type-names.ts'

/** What would have to be done for vendor vGPUs to be as a spec says, after its virtual functions are there. */
export function planVgpus(
  files: HostFiles,
  { path, parents, future, lost, present: all }: PlanRequest,
): { readonly entries: PlannedVgpu[]; readonly noRoom: readonly NoRoom[] } {
  const present = all.filter(isVgpu)
  // also those that wait for their functions
  const mdevs = new Set(all.filter(isMdev).map(({ parent }) => parent))
  const placing = new VgpuPlacing(files, path, present, lost, mdevs)
  // where nothing is to be, it makes no difference that nothing can be
  const asking = parents.filter(({ devices }) => devices.length > 0)
  const wanted = asking.flatMap((parent) =>
    placesOf(files, parent, future).flatMap((places) =>
      parent.devices.map((devices) => ({
        devices,
        places,
        definition: definitionOf(files, places, devices),
        replaces: parent.others === 'remove',
      })),
    ),
  )
  for (const { devices, places, definition } of wanted) placing.placeNamed(places, devices, definition)
  for (const { devices, places, definition, replaces } of wanted) {
    placing.placeCounted(places, devices, definition, replaces)
  }
  placing.settleCounts()
  for (const { others, on } of parents) {
    if (others === 'remove') for (const parent of on.vgpu) placing.removeOthers(parent)
  }
  const entries = [
    ...placing.surplus.map(({ device, reason }) => removal(files, device, reason)),
    ...placing.placed.flatMap((placed) => {
      const device = present.find(({ name }) => name === placed.address)
      return entriesFor(files, placed, device, future)
    }),
  ]
  return { entries, noRoom: placing.noRoom }
}

/** Each card by itself, or those that share what is asked for together. */
function placesOf(files: HostFiles, { on, choice }: PlacedParent, future: FutureFunctions): FuturePlace[][] {
  const places = on.vgpu.map((card) => placeOf(files, card, future))
  return 'anyWith' in choice && places.length > 0 ? [places] : places.map((place) => [place])
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
  { type, start, attributes }: SpecDevices,
): Definition {
  const id = place?.isThere === true ? chooseVgpuType(files, place.card, type).type : notedType(files, type)
  return { type: id, start, attributes }
}

/** By its id, where one of that name was seen before: what is defined stands by that. */
function notedType(files: HostFiles, name: string): string {
  const ids = knownTypes(files).map(({ id, name }) => ({ type: String(id), name }))
  const [only, ...others] = ids.filter((type) => isTypeNamed(type, name))
  return only !== undefined && others.length === 0 ? only.type : name
}

/** One that has another type ends first, with all others that do: a card may take no second type beside the first. */
function entriesFor(
  files: HostFiles,
  wanted: PlacedVgpu,
  device: PresentVgpu | undefined,
  future: FutureFunctions,
): PlannedVgpu[] {
  const { address, definition, owner } = wanted
  const stored = device?.definition ?? null
  const nodes = nodesToGive(files, address, owner)
  const keep: Move[] = [
    ...(stored !== null && sameDefinition(stored, definition) ? [] : ['define' as const]),
    ...(isOwnerKept(files, address, owner) ? [] : ['keep-owner' as const]),
  ]
  const one = (action: PlannedVgpu['action'], reason: string, moves: Move[]) =>
    entry(files, wanted, device, action, reason, moves)
  if (device === undefined) {
    const reason = future.cardOf(address) === null ? 'is not there' : reasonToCome(files, wanted.card)
    return [one('create', reason, [...keep, 'start'])]
  }
  if (!device.active) return [one('create', 'is defined and does not run', [...keep, 'start'])]
  const fault = faultOf(files, device, definition)
  if (fault !== null) {
    // its end may have taken the owner along
    const anew: Move[] = [
      ...keep.filter((move) => move !== 'keep-owner'),
      ...(owner === null ? [] : ['keep-owner' as const]),
      'start',
    ]
    return [one('change', fault, ['stop']), one('create', `is to be made anew: it ${fault}`, anew)]
  }
  const isGiven = ownerSteps(files, nodes, owner).length === 0
  if (keep.length === 0 && isGiven) return [one('keep', 'is as it should be', [])]
  return [one('change', whyKept(device, keep, isGiven), isGiven ? keep : [...keep, 'start'])]
}

/** The nodes that are to have this owner; none where their function is not there yet. */
function nodesToGive(files: HostFiles, address: PciAddress, owner: NodeOwner | null): string[] {
  const vgpu = owner === null ? null : readVgpuFunction(files, address)
  return vgpu === null ? [] : ownedNodes(vgpu)
}

/** Why it has to be made anew; null where it need not. */
function faultOf(files: HostFiles, { name, type, definition }: PresentVgpu, wanted: Definition): string | null {
  if (type !== wanted.type) return `has type ${type}`
  if (isHalfConfigured(files, name)) return 'was left half set up'
  if (definition === null) return wanted.attributes.length === 0 ? null : 'runs, and its attributes are not known'
  const isSame = sameDefinition({ ...definition, type, start: wanted.start }, wanted)
  return isSame ? null : 'was started with other attributes'
}

function removal(files: HostFiles, device: PresentVgpu, reason: string): PlannedVgpu {
  const moves: Move[] = [
    ...(device.active ? ['stop' as const] : []),
    ...(device.definition ? ['undefine' as const] : []),
  ]
  const { name, parent, type, users } = device
  const steps = moves.flatMap((move) => (move === 'stop' ? stopSteps(files, name) : undefineSteps(files, name, false)))
  return {
    ...vgpuIdentity(name),
    action: 'remove',
    parent,
    type,
    reason,
    at: null,
    moves,
    steps,
    users,
    wanted: null,
    stored: device.definition,
    owner: null,
    running: runningOf(device),
    storedOwner: nodeOwners.readOrNone(files, name),
  }
}

function runningOf({ active, parent, type }: PresentVgpu): Running | null {
  return active ? { parent, type } : null
}

function entry(
  files: HostFiles,
  { address, card, definition, at, owner }: PlacedVgpu,
  device: PresentVgpu | undefined,
  action: PlannedVgpu['action'],
  reason: string,
  moves: readonly Move[],
): PlannedVgpu {
  const { create, attributes } = newVgpu(address, definition.type, definition.attributes)
  const steps = moves.flatMap((move): Step[] => {
    if (move === 'stop') return stopSteps(files, address)
    if (move === 'keep-owner') return keepOwnerSteps(address, owner)
    if (move === 'define')
      return [{ action: 'save', path: vgpuSettings.path(address), content: shownFile(card, definition) }]
    const nodes = nodesToGive(files, address, owner)
    if (action === 'change') return ownerSteps(files, nodes, owner)
    const isKnown = nodes.length > 0 && device?.active !== true
    const owning = isKnown ? ownerSteps(files, nodes, owner) : futureOwnerSteps(files, pciPath(address), owner)
    return [create, ...attributes, ...owning]
  })
  return {
    ...vgpuIdentity(address),
    action,
    parent: card,
    type: definition.type,
    reason,
    at,
    moves,
    steps,
    users: moves.includes('stop') ? (device?.users ?? []) : [],
    wanted: definition,
    stored: device?.definition ?? null,
    owner,
    running: device === undefined ? null : runningOf(device),
    storedOwner: nodeOwners.readOrNone(files, address),
  }
}

/** As it will be kept, or, where only the functions to come will tell the type's id, with its name in that place. */
function shownFile(card: PciAddress, definition: Definition): string {
  const file = vgpuFile({ parent: card, definition })
  return /^\d+$/.test(definition.type) ? vgpuSettings.format(file) : `${JSON.stringify(file, null, 2)}\n`
}
