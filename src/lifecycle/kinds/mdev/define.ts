import { randomUUID } from 'node:crypto'
import { VfioError } from '../../../base/errors.ts'
import { checkedName, parseUuid, type Uuid } from '../../../base/units.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import { Callouts } from '../../callouts/callouts.ts'
import { sayScriptsAreNotAsked } from '../../callouts/scripts-not-asked.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import { checkAttributes } from '../../definition/attribute-path.ts'
import { type Definition, formatDefinition, sameDefinition } from '../../definition/definition.ts'
import { parentName } from '../../device/parents.ts'
import type { DefineRequest } from '../../device/requests.ts'
import { expectedPlace, freeParent, placeOf } from './choose-parent.ts'
import { lookUp } from './device-choice.ts'
import { findMdevDevice } from './mdev-devices.ts'
import { type MdevIdentity, mdevIdentity } from './mdev-identity.ts'
import type { TypeOfParent } from './mdev-types.ts'
import { definitionPath, readDefinition, type StoredDefinition, saveDefinition, withStoreLock } from './store.ts'
import { findTypeIdOn } from './type-choice.ts'

/** A mediated device to define. */
export interface DefineMdevRequest extends Omit<DefineRequest, 'name'> {
  /** Made up if absent. Of a running device alone: its parent and type are taken from it. */
  readonly uuid?: string
}

/** Stores a definition. The same one again is no change; another one for the same UUID and parent is ALREADY_EXISTS. */
export async function define(
  kernel: Kernel,
  request: DefineMdevRequest,
  options: ChangeOptions = {},
): Promise<Change<MdevIdentity>> {
  const uuid = parseUuid(request.uuid ?? randomUUID())
  if (options.dryRun === true) {
    const wanted = resolve(kernel, request, uuid)
    sayScriptsAreNotAsked(kernel, options)
    return toChange(wanted, isNew(kernel, wanted), true)
  }
  const run = async (): Promise<Change<MdevIdentity>> => {
    const wanted = resolve(kernel, request, uuid)
    if (!isNew(kernel, wanted)) return toChange(wanted, false, false)
    const { parent, definition, asksScript } = wanted
    const callouts = new Callouts(kernel, { uuid, parent, type: definition.type }, options)
    return callouts.around('define', definition, async () => {
      const attributes = asksScript ? await callouts.attributes() : null
      const complete = attributes === null ? wanted : { ...wanted, definition: { ...definition, attributes } }
      checkAttributes(complete.definition.attributes)
      saveDefinition(kernel.files, complete)
      return toChange(complete, true, false)
    })
  }
  return withStoreLock(kernel, run, options)
}

interface Wanted extends StoredDefinition {
  /** It runs, and nobody said which attributes it has: the vendor's script may know. */
  readonly asksScript: boolean
}

function resolve(kernel: Kernel, request: DefineMdevRequest, uuid: Uuid): Wanted {
  const active = request.uuid === undefined ? null : findMdevDevice(kernel.files, uuid)
  const parent = request.parent === undefined ? active?.parent : parentName(request.parent)
  const isThere =
    parent !== undefined && active !== null && lookUp(kernel.files, { ...request, uuid, parent }).active !== null
  const type = request.type ?? (isThere ? active.type : undefined)
  if (parent === undefined || type === undefined) {
    throw new VfioError('INVALID_ARGUMENT', `no ${parent === undefined ? 'parent' : 'type'} given for ${uuid}`, {
      hint: 'vfioctl define -p PARENT -t TYPE (only a running device can be defined by its UUID alone)',
    })
  }
  const attributes = request.attributes ?? []
  checkAttributes(attributes)
  const on = parentAndType(kernel.files, { ...request, uuid, parent, type })
  return {
    uuid,
    parent: on.parent,
    definition: { type: on.type, start: request.start ?? 'manual', attributes },
    asksScript: request.attributes === undefined && active?.parent === on.parent && active.type === on.type,
  }
}

/** Of a card, the function on which the device is or is defined, or one that is free. */
function parentAndType(
  files: HostFiles,
  request: DefineMdevRequest & { readonly uuid: Uuid; readonly parent: string; readonly type: string },
): TypeOfParent {
  const { uuid, type: name, exactParent, force } = request
  const parent = checkedName('parent', request.parent)
  const place = force === true ? expectedPlace(files, parent, exactParent) : placeOf(files, parent, exactParent)
  const type = force === true ? checkedName('type', name) : findTypeIdOn(files, place, name)
  const { active, definedOn } = lookUp(files, request)
  const known = [...definedOn, ...(active === null ? [] : [active.parent])].find((it) => place.parents.includes(it))
  return { parent: known ?? freeParent(files, place, type, uuid), type }
}

function isNew(kernel: Kernel, { uuid, parent, definition, asksScript }: Wanted): boolean {
  const stored = readDefinition(kernel.files, parent, uuid)
  if (stored === null) return true
  const wanted = asksScript ? { ...definition, attributes: stored.attributes } : definition
  if (sameDefinition(stored, wanted)) return false
  throw new VfioError('ALREADY_EXISTS', `${uuid} is already defined on ${parent}, differently`, {
    path: definitionPath(parent, uuid),
    hint: `vfioctl modify -u ${uuid} -p ${parent} …, or vfioctl undefine -u ${uuid} -p ${parent} first`,
    facts: { uuid, parent, stored: describe(stored), wanted: describe(definition) },
  })
}

function describe({ type, start, attributes }: Definition): { type: string; start: string; attributes: number } {
  return { type, start, attributes: attributes.length }
}

function toChange(
  { uuid, parent, definition }: StoredDefinition,
  changed: boolean,
  dryRun: boolean,
): Change<MdevIdentity> {
  const path = definitionPath(parent, uuid)
  const steps = changed ? [{ action: 'save' as const, path, content: formatDefinition(definition) }] : []
  return { ...mdevIdentity(uuid), parent, type: definition.type, changed, dryRun, steps }
}
