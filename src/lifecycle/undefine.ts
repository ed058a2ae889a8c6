import { VfioError } from '../errors.ts'
import type { HostFiles, Kernel } from '../kernel/kernel.ts'
import type { Uuid } from '../units.ts'
import type { Change, ChangeOptions } from './change.ts'
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
  const run = (): Change[] => {
    const { uuid, active, definedOn } = lookUpKnown(files, choice)
    const changes = definedOn.map((parent): Change => {
      const steps = [{ action: 'delete' as const, path: definitionPath(parent, uuid) }]
      return { uuid, parent, type: typeOrNull(files, parent, uuid), changed: true, dryRun, steps }
    })
    if (!dryRun) for (const parent of definedOn) deleteDefinition(files, parent, uuid)
    if (active === null || changes.length > 0) return changes
    return [{ uuid, parent: active.parent, type: active.type, changed: false, dryRun, steps: [] }]
  }
  return dryRun ? run() : withStoreLock(kernel, run)
}

/** A definition that nobody can read can still be deleted. */
function typeOrNull(files: HostFiles, parent: string, uuid: Uuid): string | null {
  try {
    return readDefinition(files, parent, uuid)?.type ?? null
  } catch (error) {
    if (error instanceof VfioError && error.code === 'INVALID_DEFINITION') return null
    throw error
  }
}
