import { VfioError } from '../../../base/errors.ts'
import type { Uuid } from '../../../base/units.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import { Callouts } from '../../callouts/callouts.ts'
import { sayScriptsAreNotAsked } from '../../callouts/scripts-not-asked.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import type { Definition } from '../../definition/definition.ts'
import { nodeOwners } from '../../settings/node-owners.ts'
import { withSettingsLock } from '../../settings/settings.ts'
import { type ChosenDevice, lookUp, lookUpKnown, type MdevChoice } from './device-choice.ts'
import { type MdevIdentity, mdevIdentity } from './mdev-identity.ts'
import { definedParents, definitionPath, deleteDefinition, readDefinition, withStoreLock } from './store.ts'

/**
 * Deletes the definitions of a UUID: under one parent, or under all of them, and what is kept of its nodes' owner, also
 * of a device without a definition. A running device goes on running; one that runs and of which nothing is kept is no
 * change; one that nobody knows is NOT_FOUND.
 */
export async function undefine(
  kernel: Kernel,
  choice: MdevChoice,
  options: ChangeOptions = {},
): Promise<readonly Change<MdevIdentity>[]> {
  const { files } = kernel
  const dryRun = options.dryRun === true
  const run = async (): Promise<Change<MdevIdentity>[]> => {
    const { uuid, active, definedOn } = keptOrKnown(files, choice)
    if (dryRun) sayScriptsAreNotAsked(kernel, options)
    const changes: Change<MdevIdentity>[] = []
    const others = definedParents(files, uuid).filter((parent) => !definedOn.includes(parent))
    for (const [index, parent] of definedOn.entries()) {
      const definition = readableDefinition(files, parent, uuid)
      const isLast = others.length === 0 && index === definedOn.length - 1
      const dropsOwner = isLast && files.kind(nodeOwners.path(uuid)) !== null
      const paths = [definitionPath(parent, uuid), ...(dropsOwner ? [nodeOwners.path(uuid)] : [])]
      const steps = paths.map((path) => ({ action: 'delete' as const, path }))
      changes.push({ ...mdevIdentity(uuid), parent, type: definition?.type ?? null, changed: true, dryRun, steps })
      const remove = async () => {
        deleteDefinition(files, parent, uuid)
        if (dropsOwner) await withSettingsLock(kernel, () => nodeOwners.delete(files, uuid), options)
      }
      if (dryRun) continue
      if (definition === null) await remove()
      else
        await new Callouts(kernel, { uuid, parent, type: definition.type }, options).around(
          'undefine',
          definition,
          remove,
        )
    }
    if (changes.length > 0) return changes
    const path = nodeOwners.path(uuid)
    const changed = others.length === 0 && files.kind(path) !== null
    if (changed && !dryRun) await withSettingsLock(kernel, () => nodeOwners.delete(files, uuid), options)
    const steps = changed ? [{ action: 'delete' as const, path }] : []
    return [
      { ...mdevIdentity(uuid), parent: active?.parent ?? '-', type: active?.type ?? null, changed, dryRun, steps },
    ]
  }
  return dryRun ? run() : withStoreLock(kernel, run, options)
}

/** NOT_FOUND if neither the kernel nor any file of ours or mdevctl's knows it. */
function keptOrKnown(files: HostFiles, choice: MdevChoice): ChosenDevice {
  const device = lookUp(files, choice)
  return files.kind(nodeOwners.path(device.uuid)) === null ? lookUpKnown(files, choice) : device
}

/** A definition that nobody can read can still be deleted. */
function readableDefinition(files: HostFiles, parent: string, uuid: Uuid): Definition | null {
  try {
    return readDefinition(files, parent, uuid)
  } catch (error) {
    if (error instanceof VfioError) return null
    throw error
  }
}
