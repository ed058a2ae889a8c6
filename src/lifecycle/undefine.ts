import { VfioError } from '../errors.ts'
import type { HostFiles, Kernel } from '../kernel/kernel.ts'
import type { Uuid } from '../units.ts'
import { Callouts } from './callouts/callouts.ts'
import type { Change, ChangeOptions } from './change.ts'
import type { Definition } from './definition.ts'
import { type DeviceChoice, lookUpKnown } from './device-choice.ts'
import { definitionPath, deleteDefinition, readDefinition, withStoreLock } from './store.ts'

/**
 * Deletes the definitions of a UUID: under one parent, or under all of them. A running device goes on running; one that
 * runs and is not defined is no change; one that nobody knows is NOT_FOUND.
 */
export async function undefine(
  kernel: Kernel,
  choice: DeviceChoice,
  options: ChangeOptions = {},
): Promise<readonly Change[]> {
  const { files } = kernel
  const dryRun = options.dryRun === true
  const run = async (): Promise<Change[]> => {
    const { uuid, active, definedOn } = lookUpKnown(files, choice)
    const changes: Change[] = []
    for (const parent of definedOn) {
      const definition = readableDefinition(files, parent, uuid)
      const steps = [{ action: 'delete' as const, path: definitionPath(parent, uuid) }]
      changes.push({ uuid, parent, type: definition?.type ?? null, changed: true, dryRun, steps })
      const remove = () => deleteDefinition(files, parent, uuid)
      if (dryRun) continue
      if (definition === null) remove()
      else
        await new Callouts(kernel, { uuid, parent, type: definition.type }, options).around(
          'undefine',
          definition,
          remove,
        )
    }
    if (active === null || changes.length > 0) return changes
    return [{ uuid, parent: active.parent, type: active.type, changed: false, dryRun, steps: [] }]
  }
  return dryRun ? run() : withStoreLock(kernel, run, options)
}

/** A definition that nobody can read can still be deleted. */
function readableDefinition(files: HostFiles, parent: string, uuid: Uuid): Definition | null {
  try {
    return readDefinition(files, parent, uuid)
  } catch (error) {
    if (error instanceof VfioError && error.code === 'INVALID_DEFINITION') return null
    throw error
  }
}
