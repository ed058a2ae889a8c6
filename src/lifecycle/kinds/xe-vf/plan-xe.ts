import type { PciAddress } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Step } from '../../change/change.ts'
import type { Definition } from '../../definition/definition.ts'
import { formatShares, type GpuShares, noShares, sharesOrNull } from '../../device/gpu-shares.ts'
import type { PlanRequest } from '../../wanted/device-planning.ts'
import type { FuturePlace, PlacedFunction } from '../../wanted/function-placing.ts'
import type { FutureFunctions } from '../../wanted/future-functions.ts'
import { invalidSpec } from '../../wanted/invalid-spec.ts'
import type { NoRoom, Verb } from '../../wanted/plan.ts'
import { type Decision, decide, plannedDevice, removalVerbs } from '../../wanted/planned-device.ts'
import type { SpecDevices } from '../../wanted/spec.ts'
import { placeFunctions } from '../card-function/plan-placed.ts'
import { readShares } from './read-shares.ts'
import { shareWrites } from './share-writes.ts'
import { adminPath, cardOfFunction, findXePlace, noAdmin, possibleFunctions, xeCard } from './xe-cards.ts'
import { xeDefinitions } from './xe-definitions.ts'
import { isXe, type PlannedXe, xeIdentity } from './xe-identity.ts'

type PresentXe = Parameters<typeof removalVerbs>[0] & { readonly name: PciAddress }

/**
 * Plans the changes that give functions the shares that a spec says. Of functions that are made anew, what is defined
 * changes before, and they come with it.
 */
export function planXe(
  files: HostFiles,
  { path, parents, future, present: all }: PlanRequest,
): { readonly entries: PlannedXe[]; readonly noRoom: readonly NoRoom[] } {
  const present = all.filter(isXe)
  // whichever driver a function has, it has its share
  const placing = placeFunctions({ files, path, present, lost: new Set() }, parents, {
    kind: 'xe-vf',
    preferred: new Set(),
    placeOf: (on) => placeOf(files, on, future),
    definitionOf: (places, devices) => definitionOf(files, path, places, devices),
    replaces: () => true,
  })
  const settled = new Set([...placing.placed, ...placing.surplus.map(({ device }) => device)].map(({ name }) => name))
  checkPriorities(
    path,
    placing.placed,
    present.filter(({ name, definition }) => definition !== null && !settled.has(name)),
  )
  const entries = [
    ...placing.surplus.flatMap(({ device, reason }) => removal(files, device, reason, future) ?? []),
    ...placing.placed.flatMap((placed) => {
      return entriesFor(files, placed, present.find(({ name }) => name === placed.name) ?? null, future)
    }),
  ]
  return { entries, noRoom: placing.noRoom }
}

function placeOf(files: HostFiles, on: PciAddress, future: FutureFunctions): FuturePlace {
  const owner = future.of(on) === null ? future.cardOf(on) : on
  if (owner === null) {
    const { card, functions } = findXePlace(files, on)
    return { on, card: card.address, functions, isThere: true }
  }
  if (files.kind(adminPath(owner)) === null) throw noAdmin(owner)
  return { on, card: owner, functions: future.of(on) ?? [on], isThere: false }
}

/** The shares of an entry of the file, which has to say what VRAM a function gets of a card that shares it. */
function definitionOf(
  files: HostFiles,
  path: string,
  places: readonly FuturePlace[],
  { at, type, start, attributes, owner }: SpecDevices,
): Definition {
  const cards = places.map(({ card }) => card).join(', ')
  const fault = (what: string) => invalidSpec(path, cards, what, at)
  const shares = sharesOrNull(type)
  if (shares === null) throw fault(`has shares, such as vram: 8GiB and quantum: 10ms, and no type ${type}`)
  if (attributes.length > 0 || owner !== null)
    throw fault('has functions with shares: attributes and owner are not theirs')
  for (const { card } of places) {
    const physical = xeCard(files, card)
    const [first] = physical === null ? [] : possibleFunctions(files, physical)
    if (physical === null || first === undefined) continue
    const { hasVram } = readShares(files, physical, first)
    if (hasVram && shares.vram === 0) throw fault('needs vram for each function: without it, one can do nothing')
    if (!hasVram && shares.vram > 0) {
      throw fault('gives no VRAM by hand: it has none, or this Linux is older than 7.1; leave vram out')
    }
  }
  return { type: formatShares(shares), start, attributes: [] }
}

/** Linux changes the priority of all functions of a card at once. */
function checkPriorities(path: string, placed: readonly PlacedFunction[], staying: readonly PresentXe[]): void {
  const priorities = new Map<string, string>(
    staying.map(({ parent, definition }) => [parent, (sharesOrNull(definition?.type ?? '') ?? noShares).priority]),
  )
  for (const { parent, name, definition, at } of placed) {
    const { priority } = sharesOrNull(definition.type) ?? noShares
    const other = priorities.get(parent) ?? priority
    if (other !== priority) {
      const what = `is to have priority ${priority}, and another function of ${parent} ${other}: all of a card have the same`
      throw invalidSpec(path, name, what, at)
    }
    priorities.set(parent, priority)
  }
}

function entriesFor(
  files: HostFiles,
  placed: PlacedFunction,
  device: PresentXe | null,
  future: FutureFunctions,
): PlannedXe[] {
  const card = future.cardOf(placed.name)
  const fault = () => (device?.active === true ? faultOf(device.type, placed.definition.type) : null)
  const decision = decide(files, placed, { device, fault: () => fault()?.reason ?? null, nodes: () => [] })
  if (card !== null) {
    const verbs = decision.verbs.filter((verb) => verb === 'define')
    const reason = `comes with the virtual functions of ${card}`
    return [entry(files, placed, device, { action: verbs.length === 0 ? 'keep' : 'create', reason, verbs }, true)]
  }
  const { verbs, reason } = decision
  if (!verbs.includes('stop')) return [entry(files, placed, device, decision)]
  const rest: Verb[] = verbs.filter((verb) => verb !== 'stop')
  if (fault()?.isVram !== true) return [entry(files, placed, device, { ...decision, verbs: rest })]
  // all that get other VRAM give theirs back before any gets more
  return [
    entry(files, placed, device, { ...decision, verbs: ['stop'] }),
    entry(files, placed, device, { action: 'create', reason: `is to be given anew: it ${reason}`, verbs: rest }),
  ]
}

/** The reason why a function has to be changed, and if that is its VRAM; null if it need not. */
function faultOf(now: string, wanted: string): { readonly reason: string; readonly isVram: boolean } | null {
  if (now === wanted) return null
  const vram = (type: string) => (sharesOrNull(type) ?? noShares).vram
  return { reason: `has ${now}`, isVram: vram(now) !== vram(wanted) }
}

/** Null for what goes by itself with its function, and for what the card gives by itself: that is nobody's wish. */
function removal(files: HostFiles, device: PresentXe, reason: string, future: FutureFunctions): PlannedXe | null {
  const { name, parent, definition } = device
  if (definition === null) return null
  const goes = future.cardOf(name) !== null || future.cardThatDrops(name) !== null
  const verbs = removalVerbs(device).filter((verb) => !goes || verb === 'undefine')
  const steps = verbs.flatMap((verb) => {
    return verb === 'stop' ? writesFor(files, name, noShares) : xeDefinitions.undefineSteps(files, name, false)
  })
  const asked = { wanted: null, owner: null, at: null, beforeSriov: goes }
  return plannedDevice(files, xeIdentity(name), { ...asked, action: 'remove', parent, reason, verbs, steps, device })
}

function entry(
  files: HostFiles,
  { name: address, parent, definition, at }: PlacedFunction,
  device: PresentXe | null,
  decision: Decision,
  beforeSriov = false,
): PlannedXe {
  const { settings } = xeDefinitions
  const steps = decision.verbs.flatMap((verb): Step[] => {
    if (verb === 'stop') return writesFor(files, address, noShares)
    if (verb === 'define') {
      return [
        {
          action: 'save',
          path: settings.path(address),
          content: settings.format(xeDefinitions.fileOf({ parent, definition })),
        },
      ]
    }
    return writesFor(files, address, sharesOrNull(definition.type) ?? noShares)
  })
  const asked = { wanted: definition, owner: null, at, beforeSriov }
  return plannedDevice(files, xeIdentity(address), { ...asked, ...decision, parent, steps, device })
}

function writesFor(files: HostFiles, address: PciAddress, shares: GpuShares): Step[] {
  const card = cardOfFunction(files, address)
  return card === null ? [] : shareWrites(files, card, address, shares)
}
