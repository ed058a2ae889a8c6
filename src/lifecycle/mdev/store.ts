import type { Warning } from '../../host/warning.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { checkedName, type Uuid, uuidOrNull } from '../../units.ts'
import type { ChangeOptions } from '../change.ts'
import { type Definition, formatDefinition, parseDefinition } from '../definition/definition.ts'
import {
  deleteKept,
  ensureDirectory,
  isLeftover,
  type KeptFile,
  listKept,
  pathOf,
  readKept,
  readListed,
  replaceKept,
} from '../files/kept-files.ts'
import { withLock } from '../files/lock.ts'

/** mdevctl's own store: /etc/mdevctl.d/PARENT/UUID. Its tools, libvirt and udev rules go on working on the same files. */
const storePath = '/etc/mdevctl.d'

export interface StoredDefinition {
  readonly uuid: Uuid
  readonly parent: string
  readonly definition: Definition
}

export function definitionPath(parent: string, uuid: Uuid): string {
  return pathOf(definitionFile(parent, uuid))
}

/** Every definition there is, or those of one UUID. A file that is foreign or cannot be read is a warning with its path. */
export function readDefinitions(
  files: HostFiles,
  only?: Uuid,
): { definitions: StoredDefinition[]; warnings: Warning[] } {
  const warnings: Warning[] = []
  const definitions: StoredDefinition[] = []
  for (const parent of listStore(files, warnings)) {
    const folder = `${storePath}/${parent}`
    const names = listKept(files, folder, warnings)
    for (const name of only === undefined ? names : names.filter((name) => name === only)) {
      const path = `${folder}/${name}`
      const uuid = uuidOrNull(name)
      if (uuid === name) {
        const definition = readListed(files, path, parseDefinition, warnings)
        if (definition !== null) definitions.push({ uuid, parent, definition })
      } else if (!isLeftover(name)) warnings.push({ path, message: 'is no definition: its name is no UUID' })
    }
  }
  return { definitions, warnings }
}

/** The parents under which a UUID has a definition, readable or not. */
export function definedParents(files: HostFiles, uuid: Uuid, parent?: string): string[] {
  const parents = parent === undefined ? listStore(files, []) : [checkedName('parent', parent)]
  return parents.filter((name) => files.kind(definitionPath(name, uuid)) !== null).sort()
}

/** One definition, or null where there is none. INVALID_DEFINITION where the file is broken. */
export function readDefinition(files: HostFiles, parent: string, uuid: Uuid): Definition | null {
  return readKept(files, definitionPath(parent, uuid), parseDefinition)
}

/** Runs `work` as the only vfioctl that changes the store, which is made if it is not there. */
export function withStoreLock<T>(
  kernel: Kernel,
  work: () => Promise<T> | T,
  options: Pick<ChangeOptions, 'said' | 'signal'>,
): Promise<T> {
  ensureDirectory(kernel.files, storePath)
  return withLock(kernel, storePath, work, options)
}

/** Under the store's lock. */
export function saveDefinition(files: HostFiles, { uuid, parent, definition }: StoredDefinition): void {
  replaceKept(files, definitionFile(parent, uuid), formatDefinition(definition))
}

/** Under the store's lock. */
export function deleteDefinition(files: HostFiles, parent: string, uuid: Uuid): void {
  deleteKept(files, definitionFile(parent, uuid))
}

function definitionFile(parent: string, uuid: Uuid): KeptFile {
  return { folder: `${storePath}/${checkedName('parent', parent)}`, name: uuid }
}

/** The parents that have a folder. Scripts of old mdevctl versions stand in the same place and are no parent. */
function listStore(files: HostFiles, warnings: Warning[]): string[] {
  return listKept(files, storePath, warnings).filter((name) => name !== 'scripts.d')
}
