import { VfioError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { checkedName } from '../units.ts'
import { checkAttributes } from './attribute-path.ts'
import { Callouts } from './callouts/callouts.ts'
import type { Change, ChangeOptions } from './change.ts'
import { type Attribute, type Definition, formatDefinition, type StartMode, sameDefinition } from './definition.ts'
import { type DeviceChoice, lookUpKnown, onlyDefinition } from './device-choice.ts'
import { definitionPath, type StoredDefinition, saveDefinition, withStoreLock } from './store.ts'
import { findParent, findType } from './type-choice.ts'

/** What to change in a definition; the running device is left alone. */
export interface ModifyRequest extends DeviceChoice {
  readonly type?: string
  readonly start?: StartMode
  /** Replaces the whole list, before the edits below. */
  readonly attributes?: readonly Attribute[]
  /** Put in before the one at `index`, or at the end. */
  readonly addAttribute?: Attribute & { readonly index?: number }
  /** The one at `index`, or the last. */
  readonly removeAttribute?: { readonly index?: number }
  /** Take a type that this host does not offer now. */
  readonly force?: boolean
}

export async function modify(kernel: Kernel, request: ModifyRequest, options: ChangeOptions = {}): Promise<Change> {
  const dryRun = options.dryRun === true
  const run = async (): Promise<Change> => {
    const stored = storedDefinition(kernel, request)
    const wanted = { ...stored, definition: edit(kernel, stored, request) }
    const changed = !sameDefinition(stored.definition, wanted.definition)
    const { uuid, parent, definition } = wanted
    if (changed && !dryRun) {
      const callouts = new Callouts(kernel, { uuid, parent, type: definition.type }, options)
      await callouts.around('modify', definition, () => saveDefinition(kernel.files, wanted))
    }
    const save = { action: 'save' as const, path: definitionPath(parent, uuid), content: formatDefinition(definition) }
    return { uuid, parent, type: definition.type, changed, dryRun, steps: changed ? [save] : [] }
  }
  return dryRun ? run() : withStoreLock(kernel, run, options)
}

function storedDefinition(kernel: Kernel, request: ModifyRequest): StoredDefinition {
  const device = lookUpKnown(kernel.files, request)
  const stored = onlyDefinition(kernel.files, device)
  if (stored !== null) return stored
  throw new VfioError('NOT_FOUND', `${device.uuid} runs but is not defined, so there is nothing to modify`, {
    hint: `vfioctl define -u ${device.uuid}`,
    facts: { uuid: device.uuid },
  })
}

function edit(kernel: Kernel, { parent, definition }: StoredDefinition, request: ModifyRequest): Definition {
  const attributes = [...(request.attributes ?? definition.attributes)]
  const { addAttribute, removeAttribute } = request
  if (removeAttribute !== undefined) {
    const last = attributes.length - 1
    attributes.splice(checkedIndex(removeAttribute.index ?? last, last, attributes), 1)
  }
  if (addAttribute !== undefined) {
    const { name, value, index = attributes.length } = addAttribute
    attributes.splice(checkedIndex(index, attributes.length, attributes), 0, { name, value })
  }
  checkAttributes(attributes)
  const type = request.type === undefined ? definition.type : resolveType(kernel, parent, request.type, request.force)
  return { type, start: request.start ?? definition.start, attributes }
}

function resolveType(kernel: Kernel, parent: string, type: string, force = false): string {
  if (force) return checkedName('type', type)
  return findType(kernel.files, findParent(kernel.files, parent), type).type
}

function checkedIndex(index: number, last: number, attributes: readonly Attribute[]): number {
  if (Number.isInteger(index) && index >= 0 && index <= last) return index
  const list = attributes.map(({ name, value }, at) => `${at} ${name}=${value}`).join(', ')
  throw new VfioError('INVALID_ARGUMENT', `there is no attribute number ${index}: ${list || 'the list is empty'}`, {
    hint: attributes.length === 0 ? '--addattr NAME --value VALUE adds one' : `--index 0 to ${last}`,
    facts: { index, attributes: attributes.map(({ name, value }) => ({ name, value })) },
  })
}
