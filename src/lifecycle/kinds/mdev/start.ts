import { randomUUID } from 'node:crypto'
import { VfioError } from '../../../base/errors.ts'
import { parseUuid, type Uuid } from '../../../base/units.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import { Callouts } from '../../callouts/callouts.ts'
import { sayScriptsAreNotAsked } from '../../callouts/scripts-not-asked.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import type { Attribute, StartMode } from '../../definition/definition.ts'
import { isHalfConfigured } from '../../device/half-configured.ts'
import { futureOwnerSteps, giveNodes, giveNodesOrRemove, ownerSteps } from '../../device/node-owner.ts'
import type { StartRequest } from '../../device/requests.ts'
import { withLock } from '../../files/lock.ts'
import { type NodeOwner, nodeOwners } from '../../settings/node-owners.ts'
import type { Parents } from '../../wanted/parent-place.ts'
import { chooseParent, lockOf, placeOf } from './choose-parent.ts'
import { checkRoom, createDevice, creationSteps } from './create-device.ts'
import { type ChosenDevice, lookUp, onlyDefinition } from './device-choice.ts'
import { findMdevDevice, type MdevDevice, mdevPath, nodesOf } from './mdev-devices.ts'
import { type MdevIdentity, mdevIdentity } from './mdev-identity.ts'
import { checkRemovable, removalStep, removeDevice } from './remove-device.ts'
import type { StoredDefinition } from './store.ts'
import { findParent, findTypeId, findTypeIdOn } from './type-choice.ts'

/** A mediated device to start. */
export interface StartMdevRequest extends Omit<StartRequest, 'name'> {
  /** Made up if absent. A defined device needs nothing else. */
  readonly uuid?: string
}

/** A request, with what its definition adds. */
interface Wanted {
  readonly uuid: Uuid
  readonly parent: string
  readonly type: string
  /** For callout scripts, which are told the whole definition. */
  readonly start: StartMode
  readonly attributes: readonly Attribute[]
}

/**
 * Creates a device and writes its attributes in order; takes it away again if one fails. One that runs already on
 * that parent with that type is no change, unless whoever made it was killed before its last attribute: then it is made
 * anew. Its nodes go to the owner that is kept for it, if there is one.
 */
export async function start(
  kernel: Kernel,
  request: StartMdevRequest,
  options: ChangeOptions = {},
): Promise<Change<MdevIdentity>> {
  const { files } = kernel
  const wanted = resolve(files, request)
  const { uuid } = wanted
  const dryRun = options.dryRun === true
  const place = placeOf(files, wanted.parent, request.exactParent)
  const type = findTypeIdOn(files, place, wanted.type)
  const run = async (): Promise<Change<MdevIdentity>> => {
    const active = runningDevice(files, uuid, { place, type })
    const parent = active?.parent ?? chooseParent(files, place, type, uuid)
    const steps = creationSteps({ uuid, parent, type, attributes: wanted.attributes })
    const unchanged: Change<MdevIdentity> = { ...mdevIdentity(uuid), parent, type, changed: false, dryRun, steps: [] }
    const owner = nodeOwners.read(files, uuid)
    if (active !== null && !isHalfConfigured(files, uuid)) {
      const owning = ownerSteps(files, nodesOf(active), owner)
      if (!dryRun) giveNodes(files, owning)
      return { ...unchanged, changed: owning.length > 0, steps: owning }
    }
    if (active === null) checkRoom(files, { parent, type })
    else if (dryRun) checkRemovable(kernel, active)
    const making = [...steps, ...futureOwnerSteps(files, mdevPath(uuid), owner)]
    const change = { ...unchanged, changed: true, steps: active === null ? making : [removalStep(uuid), ...making] }
    if (dryRun) {
      sayScriptsAreNotAsked(kernel, options)
      return change
    }
    const definition = { type, start: wanted.start, attributes: wanted.attributes }
    await new Callouts(kernel, { uuid, parent, type }, options).around('start', definition, async () => {
      if (active !== null) await removeDevice(kernel, active)
      await createDevice(kernel, uuid, { parent, type }, steps, options.signal)
      await giveToOwner(kernel, uuid, owner)
    })
    return change
  }
  return dryRun ? run() : withLock(kernel, lockOf(files, place.parents[0] ?? place.name), run, options)
}

/** A device whose nodes cannot be given away is removed again. */
async function giveToOwner(kernel: Kernel, uuid: Uuid, owner: NodeOwner | null): Promise<void> {
  const { files } = kernel
  const made = findMdevDevice(files, uuid)
  if (made === null) return
  await giveNodesOrRemove(files, ownerSteps(files, nodesOf(made), owner), () => removeDevice(kernel, made))
}

function resolve(files: HostFiles, request: StartMdevRequest): Wanted {
  const { parent, type, attributes } = request
  if (request.uuid === undefined) {
    if (parent !== undefined && type !== undefined) {
      return {
        uuid: parseUuid(randomUUID()),
        parent,
        type,
        start: request.start ?? 'manual',
        attributes: attributes ?? [],
      }
    }
    throw new VfioError('INVALID_ARGUMENT', 'a new device needs a parent and a type; a defined one, its UUID', {
      hint: 'vfioctl start -u UUID, or vfioctl start -p PARENT -t TYPE',
    })
  }
  const { exactParent = false } = request
  const device = lookUp(files, { uuid: request.uuid, exactParent, ...(parent === undefined ? {} : { parent }) })
  const stored = onlyDefinition(files, device)
  if (stored === null) return resolveTransient(device, request)
  const { uuid, definition } = stored
  if (type !== undefined && type !== definition.type) checkDefinedType(files, stored, type)
  return { uuid, parent: stored.parent, ...definition, attributes: attributes ?? definition.attributes }
}

function resolveTransient({ uuid, active }: ChosenDevice, request: StartMdevRequest): Wanted {
  const parent = request.parent ?? active?.parent
  const type = request.type ?? active?.type
  const { start = 'manual', attributes = [] } = request
  if (parent !== undefined && type !== undefined) return { uuid, parent, type, start, attributes }
  const where = request.parent === undefined ? '' : ` on ${request.parent}`
  throw new VfioError('NOT_FOUND', `${uuid} is not defined${where}, so its parent and type are not known`, {
    hint: `vfioctl start -u ${uuid} -p PARENT -t TYPE, or vfioctl define it first`,
    facts: { uuid },
  })
}

function checkDefinedType(files: HostFiles, { uuid, parent, definition }: StoredDefinition, asked: string): void {
  const defined = definition.type
  const type = findTypeId(files, findParent(files, parent), asked)
  if (type === defined) return
  throw new VfioError('ALREADY_EXISTS', `it is defined on ${parent} with type ${defined}, not ${asked}`, {
    hint: `leave -t out, or change the definition: vfioctl modify ${uuid} -p ${parent} -t ${type}`,
    facts: { parent, defined, asked },
  })
}

/** The device, if it runs as it should. */
function runningDevice(files: HostFiles, uuid: Uuid, wanted: { place: Parents; type: string }): MdevDevice | null {
  const active = findMdevDevice(files, uuid)
  if (active === null || (wanted.place.parents.includes(active.parent) && active.type === wanted.type)) return active
  throw new VfioError('ALREADY_EXISTS', `${uuid} runs already, on ${active.parent} with type ${active.type}`, {
    hint: `vfioctl stop ${uuid} first, or take another UUID`,
    facts: { uuid, parent: active.parent, type: active.type },
  })
}
