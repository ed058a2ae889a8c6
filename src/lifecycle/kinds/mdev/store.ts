import { asVfioError, VfioError } from '../../../base/errors.ts'
import { failedWith } from '../../../base/system-error.ts'
import { checkedName, pathFault, printable, type Uuid, uuidOrNull } from '../../../base/units.ts'
import { changedBy } from '../../../host/changeable-by-others.ts'
import { listOrWarn, type Warning } from '../../../host/warning.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { ChangeOptions } from '../../change/change.ts'
import { type Definition, formatDefinition, parseDefinition } from '../../definition/definition.ts'
import {
  deleteKept,
  ensureDirectory,
  isLeftover,
  type KeptFile,
  pathOf,
  readKept,
  readListed,
  replaceKept,
} from '../../files/durable-files.ts'
import { withLock } from '../../files/lock.ts'

/**
 * mdevctl's own store: /etc/mdevctl.d/PARENT/UUID. Its tools, libvirt and udev rules go on working on the same files.
 */
export const storePath = '/etc/mdevctl.d'

/** A definition with the parent and UUID that its path says. */
export interface StoredDefinition {
  readonly uuid: Uuid
  readonly parent: string
  readonly definition: Definition
}

/** The path of a mediated device's definition. */
export function definitionPath(parent: string, uuid: Uuid): string {
  return pathOf(definitionFile(parent, uuid))
}

/**
 * Every definition there is, or those of one UUID. A file that is foreign or cannot be read is a warning with its path.
 */
export function readDefinitions(
  files: HostFiles,
  only?: Uuid,
): { definitions: StoredDefinition[]; warnings: Warning[] } {
  const warnings: Warning[] = []
  const definitions: StoredDefinition[] = []
  for (const parent of listOrWarn(files, storePath, warnings).filter(isParent)) {
    const folder = `${storePath}/${parent}`
    const names = listOrWarn(files, folder, warnings)
    for (const name of only === undefined ? names : names.filter((name) => name === only)) {
      const path = `${folder}/${name}`
      const uuid = uuidOrNull(name)
      if (uuid === name) {
        const definition = readListed(files, path, parseDefinition, warnings)
        if (definition === null) continue
        definitions.push({ uuid, parent, definition })
        const why = changedBy(files, path) ?? changedBy(files, folder)
        if (why !== null) warnings.push({ path, message: `is not only root’s to change: ${why}` })
      } else if (!isLeftover(name)) warnings.push({ path, message: 'is not a definition: its name is not a UUID' })
    }
  }
  return { definitions, warnings }
}

/**
 * The parents under which a UUID has a definition, readable or not. If there is none among those that can be looked
 * into, and others cannot, that is the error: what cannot be read may be there.
 */
export function definedParents(files: HostFiles, uuid: Uuid, parent?: string): string[] {
  const unseen: unknown[] = []
  const parents = parent === undefined ? seen(unseen, [], () => files.list(storePath).filter(isParent)) : [parent]
  const found = parents.filter((name) => {
    return seen(unseen, null, () => files.kind(pathOf(definitionFile(name, uuid)))) !== null
  })
  if (found.length > 0 || unseen.length === 0) return found.sort()
  throw asVfioError(unseen[0])
}

function seen<T>(unseen: unknown[], otherwise: T, look: () => T): T {
  try {
    return look()
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) unseen.push(error)
    return otherwise
  }
}

/** One definition, or null if there is none. INVALID_DEFINITION if the file is broken. */
export function readDefinition(files: HostFiles, parent: string, uuid: Uuid): Definition | null {
  return readKept(files, definitionPath(parent, uuid), parseDefinition)
}

/** Runs `work` as the only vfioctl that changes the store, which is made if it is not there. */
export function withStoreLock<T>(
  kernel: Kernel,
  work: () => Promise<T> | T,
  options: Pick<ChangeOptions, 'onMessage' | 'signal'>,
): Promise<T> {
  ensureDirectory(kernel.files, storePath)
  return withLock(kernel, storePath, work, options)
}

/** Under the store's lock. INVALID_ARGUMENT for a parent that no kernel has. */
export function saveDefinition(files: HostFiles, { uuid, parent, definition }: StoredDefinition): void {
  replaceKept(files, definitionFile(checkedName('parent', parent), uuid), formatDefinition(definition))
}

/** Under the store's lock. */
export function deleteDefinition(files: HostFiles, parent: string, uuid: Uuid): void {
  deleteKept(files, definitionFile(parent, uuid))
}

/** INVALID_ARGUMENT for a parent that can be no folder of the store. An odd one that is there can be named. */
function definitionFile(parent: string, uuid: Uuid): KeptFile {
  const fault = pathFault(parent) ?? (isParent(parent) ? null : 'is the folder of the callout scripts')
  if (fault === null) return { folder: `${storePath}/${parent}`, name: uuid }
  throw new VfioError('INVALID_ARGUMENT', `parent name '${printable(parent)}' ${fault}`, { hint: 'vfioctl types' })
}

/** Scripts of old mdevctl versions stand in the same place as the parents' folders. */
function isParent(name: string): boolean {
  return name !== 'scripts.d'
}
