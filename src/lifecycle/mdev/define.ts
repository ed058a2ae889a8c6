import { randomUUID } from 'node:crypto'
import { VfioError } from '../../errors.ts'
import { findMdevDevice } from '../../host/mdev-devices.ts'
import { parentName } from '../../host/mdev-types.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checkedName, parseUuid } from '../../units.ts'
import { Callouts } from '../callouts/callouts.ts'
import { sayScriptsAreNotAsked } from '../callouts/untold.ts'
import type { Change, ChangeOptions } from '../change.ts'
import {
  type Attribute,
  type Definition,
  formatDefinition,
  type StartMode,
  sameDefinition,
} from '../definition/definition.ts'
import { checkAttributes } from '../device/attribute-path.ts'
import { type MdevIdentity, mdevIdentity } from '../device/virtual-device.ts'
import { findParent, findTypeId } from '../type-choice.ts'
import { definitionPath, readDefinition, type StoredDefinition, saveDefinition, withStoreLock } from './store.ts'

export interface DefineRequest {
  /** Made up where absent. Of a running device alone: its parent and type are taken from it. */
  readonly uuid?: string
  readonly parent?: string
  /** By id ('nvidia-222') or by name ('GRID T4-1B'). */
  readonly type?: string
  /** 'manual' where absent. */
  readonly start?: StartMode
  readonly attributes?: readonly Attribute[]
  /** Define it although this host has no such parent or type now. */
  readonly force?: boolean
}

/** Stores a definition. The same one again is no change; another one for the same UUID and parent is ALREADY_EXISTS. */
export async function define(
  kernel: Kernel,
  request: DefineRequest,
  options: ChangeOptions = {},
): Promise<Change<MdevIdentity>> {
  const wanted = resolve(kernel, request)
  if (options.dryRun === true) {
    sayScriptsAreNotAsked(kernel, options)
    return toChange(wanted, isNew(kernel, wanted), true)
  }
  const run = async (): Promise<Change<MdevIdentity>> => {
    if (!isNew(kernel, wanted)) return toChange(wanted, false, false)
    const { uuid, parent, definition, asksScript } = wanted
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

function resolve(kernel: Kernel, request: DefineRequest): Wanted {
  const uuid = parseUuid(request.uuid ?? randomUUID())
  const active = request.uuid === undefined ? null : findMdevDevice(kernel.files, uuid)
  const parent = request.parent === undefined ? active?.parent : parentName(request.parent)
  const type = request.type ?? (active !== null && active.parent === parent ? active.type : undefined)
  if (parent === undefined || type === undefined) {
    throw new VfioError('INVALID_ARGUMENT', `no ${parent === undefined ? 'parent' : 'type'} given for ${uuid}`, {
      hint: 'vfioctl define -p PARENT -t TYPE (only a running device can be defined by its UUID alone)',
    })
  }
  const attributes = request.attributes ?? []
  checkAttributes(attributes)
  const place = request.force === true ? unchecked(parent, type) : checked(kernel, parent, type)
  return {
    uuid,
    parent: place.parent,
    definition: { type: place.type, start: request.start ?? 'manual', attributes },
    asksScript: request.attributes === undefined && active?.parent === place.parent && active.type === place.type,
  }
}

function checked(kernel: Kernel, name: string, type: string): { parent: string; type: string } {
  const parent = findParent(kernel.files, name)
  return { parent, type: findTypeId(kernel.files, parent, type) }
}

function unchecked(parent: string, type: string): { parent: string; type: string } {
  return { parent: checkedName('parent', parent), type: checkedName('type', type) }
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
