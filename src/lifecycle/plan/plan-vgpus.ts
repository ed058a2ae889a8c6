import { functionAddresses } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { PciAddress } from '../../units.ts'
import type { Step } from '../change.ts'
import { type Definition, sameDefinition } from '../definition.ts'
import { isHalfMade } from '../half-made.ts'
import { invalidSpec } from '../spec/invalid-spec.ts'
import type { SpecDevices } from '../spec/spec.ts'
import { chooseVgpuType } from '../vgpu/choose-type.ts'
import { vgpuFile, vgpuSettings } from '../vgpu/definitions.ts'
import { clearStep, newVgpu } from '../vgpu/function-writes.ts'
import { findVgpuPlace } from '../vgpu/place.ts'
import type { Move, PlannedSriov, PlannedVgpu } from './plan.ts'
import { type PlacedVgpu, type PresentVgpu, VgpuPlacing } from './vgpu-placing.ts'
import type { PlacedParent } from './wanted-devices.ts'

export interface VgpuPlanRequest {
  readonly path: string
  readonly parents: readonly PlacedParent[]
  readonly sriov: readonly PlannedSriov[]
  readonly present: readonly PresentVgpu[]
}

/** What would have to be done for vendor vGPUs to be as a spec says, after its virtual functions are there. */
export function planVgpus(files: HostFiles, { path, parents, sriov, present }: VgpuPlanRequest): PlannedVgpu[] {
  const placing = new VgpuPlacing(path, present)
  const wanted = parents.flatMap((parent) =>
    placesOf(files, parent, sriov).flatMap((places) =>
      parent.devices.map((devices) => ({
        devices,
        places,
        definition: definitionOf(files, places, devices, path),
        replaces: parent.others === 'remove',
      })),
    ),
  )
  for (const { devices, places, definition } of wanted) placing.placeNamed(places, devices, definition)
  for (const { devices, places, definition, replaces } of wanted) {
    placing.placeCounted(places, devices, definition, replaces)
  }
  for (const { others, on } of parents) {
    if (others === 'remove') for (const card of on.vgpu) placing.removeOthers(placeOf(files, card, sriov).card)
  }
  return [
    ...placing.surplus.map(({ device, reason }) => removal(device, reason)),
    ...placing.placed.flatMap(({ address, card, definition }) => {
      const device = present.find(({ name }) => name === address)
      return entriesFor(files, { address, card, definition }, device)
    }),
  ]
}

export interface FuturePlace {
  readonly card: PciAddress
  /** Where vGPUs can be, once the spec's virtual functions are there. */
  readonly functions: readonly PciAddress[]
  /** They are there already, and tell which types they take. */
  readonly isThere: boolean
}

/** Each card by itself, or those that share what is asked for together. */
function placesOf(files: HostFiles, { on, choice }: PlacedParent, sriov: readonly PlannedSriov[]): FuturePlace[][] {
  const places = on.vgpu.map((card) => placeOf(files, card, sriov))
  return 'anyWith' in choice && places.length > 0 ? [places] : places.map((place) => [place])
}

function placeOf(files: HostFiles, on: PciAddress, sriov: readonly PlannedSriov[]): FuturePlace {
  const planned = sriov.find(({ device }) => device === on)
  if (planned !== undefined && planned.action !== 'keep') {
    return { card: on, functions: functionAddresses(files, on, planned.count), isThere: false }
  }
  const { card, functions } = findVgpuPlace(files, on)
  return { card, functions: functions.map(({ address }) => address), isThere: true }
}

function definitionOf(
  files: HostFiles,
  [place]: readonly FuturePlace[],
  devices: SpecDevices,
  path: string,
): Definition {
  const { type, start, attributes, owner } = devices
  if (owner !== null) throw invalidSpec(path, type, 'the nodes of a vGPU keep their owner: leave `owner` out')
  const id = place?.isThere === true ? chooseVgpuType(files, place.card, type).type : type
  return { type: id, start, attributes }
}

/** One that has another type ends first, with all others that do: a card may take no second type beside the first. */
function entriesFor(files: HostFiles, wanted: PlacedVgpu, device: PresentVgpu | undefined): PlannedVgpu[] {
  const { definition } = wanted
  const stored = device?.definition ?? null
  const define: Move[] = stored !== null && sameDefinition(stored, definition) ? [] : ['define']
  const one = (action: PlannedVgpu['action'], reason: string, moves: Move[]) =>
    entry(wanted, device, action, reason, moves)
  if (device === undefined) return [one('create', 'is not there', ['define', 'start'])]
  if (!device.active) return [one('create', 'is defined and does not run', [...define, 'start'])]
  const fault = faultOf(files, device, definition)
  if (fault !== null) {
    return [one('change', fault, ['stop']), one('create', `is to be made anew: it ${fault}`, [...define, 'start'])]
  }
  if (define.length === 0) return [one('keep', 'is as it should be', [])]
  return [one('change', stored === null ? 'runs and is not defined' : 'is defined to start otherwise', define)]
}

/** Why it has to be made anew; null where it need not. */
function faultOf(files: HostFiles, { name, type, definition }: PresentVgpu, wanted: Definition): string | null {
  if (type !== wanted.type) return `has type ${type}`
  if (isHalfMade(files, name)) return 'was left half set up'
  if (definition === null) return wanted.attributes.length === 0 ? null : 'runs, and its attributes are not known'
  const isSame = sameDefinition({ ...definition, type, start: wanted.start }, wanted)
  return isSame ? null : 'was started with other attributes'
}

function removal(device: PresentVgpu, reason: string): PlannedVgpu {
  const moves: Move[] = [
    ...(device.active ? ['stop' as const] : []),
    ...(device.definition ? ['undefine' as const] : []),
  ]
  const steps = moves.map((move): Step => {
    return move === 'stop' ? clearStep(device.name) : { action: 'delete', path: vgpuSettings.path(device.name) }
  })
  const { name, parent, type, users } = device
  return { kind: 'vgpu', action: 'remove', device: name, parent, type, reason, moves, steps, users, wanted: null }
}

function entry(
  { address, card, definition }: PlacedVgpu,
  device: PresentVgpu | undefined,
  action: PlannedVgpu['action'],
  reason: string,
  moves: readonly Move[],
): PlannedVgpu {
  const { create, attributes } = newVgpu(address, definition.type, definition.attributes)
  const content = vgpuSettings.format(vgpuFile({ parent: card, definition }))
  const steps = moves.flatMap((move): Step[] => {
    if (move === 'stop') return [clearStep(address)]
    if (move === 'define') return [{ action: 'save', path: vgpuSettings.path(address), content }]
    return [create, ...attributes]
  })
  return {
    kind: 'vgpu',
    action,
    device: address,
    parent: card,
    type: definition.type,
    reason,
    moves,
    steps,
    users: moves.includes('stop') ? (device?.users ?? []) : [],
    wanted: definition,
  }
}
