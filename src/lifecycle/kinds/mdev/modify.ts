import { VfioError } from '../../../base/errors.ts'
import { checkedName } from '../../../base/units.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import { Callouts } from '../../callouts/callouts.ts'
import { sayScriptsAreNotAsked } from '../../callouts/scripts-not-asked.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import { formatDefinition, sameDefinition } from '../../definition/definition.ts'
import { type DefinitionEdit, editDefinition } from '../../definition/edit-definition.ts'
import { lookUpKnown, type MdevChoice, onlyDefinition } from './device-choice.ts'
import { type MdevIdentity, mdevIdentity } from './mdev-identity.ts'
import { definitionPath, type StoredDefinition, saveDefinition, withStoreLock } from './store.ts'
import { findParent, findTypeId } from './type-choice.ts'

/** Changes to a device's definition; the running device is left alone. */
export interface ModifyMdevRequest extends MdevChoice, DefinitionEdit {
  /** Write the file even if nothing changes in what it says. */
  readonly anew?: boolean
}

/** Changes a stored definition, and with `live` the running device. */
export async function modify(
  kernel: Kernel,
  request: ModifyMdevRequest,
  options: ChangeOptions = {},
): Promise<Change<MdevIdentity>> {
  const dryRun = options.dryRun === true
  const run = async (): Promise<Change<MdevIdentity>> => {
    const stored = storedDefinition(kernel, request)
    const { type } = request
    const resolved = type === undefined ? undefined : resolveType(kernel, stored.parent, type, request.force)
    const wanted = { ...stored, definition: editDefinition(stored.definition, request, resolved) }
    const changed = request.anew === true || !sameDefinition(stored.definition, wanted.definition)
    const { uuid, parent, definition } = wanted
    if (dryRun) sayScriptsAreNotAsked(kernel, options)
    if (changed && !dryRun) {
      const callouts = new Callouts(kernel, { uuid, parent, type: definition.type }, options)
      await callouts.around('modify', definition, () => saveDefinition(kernel.files, wanted))
    }
    const save = { action: 'save' as const, path: definitionPath(parent, uuid), content: formatDefinition(definition) }
    return { ...mdevIdentity(uuid), parent, type: definition.type, changed, dryRun, steps: changed ? [save] : [] }
  }
  return dryRun ? run() : withStoreLock(kernel, run, options)
}

function storedDefinition(kernel: Kernel, request: ModifyMdevRequest): StoredDefinition {
  const device = lookUpKnown(kernel.files, request)
  const stored = onlyDefinition(kernel.files, device)
  if (stored !== null) return stored
  throw new VfioError('NOT_FOUND', `${device.uuid} runs but is not defined, so there is nothing to modify`, {
    hint: `vfioctl define -u ${device.uuid}`,
    facts: { uuid: device.uuid },
  })
}

function resolveType(kernel: Kernel, parent: string, type: string, force = false): string {
  if (force) return checkedName('type', type)
  return findTypeId(kernel.files, findParent(kernel.files, parent), type)
}
