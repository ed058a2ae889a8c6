import { kernelAnswer, VfioError } from '../errors.ts'
import { unreadable, type Warning } from '../host/warning.ts'
import type { HostFiles, Kernel } from '../kernel/kernel.ts'
import { failedWith } from '../kernel/system-error.ts'
import { checkedName, type Uuid, uuidOrNull } from '../units.ts'
import { type Definition, formatDefinition, parseDefinition } from './definition.ts'
import { withLock } from './lock.ts'

/** mdevctl's own store: /etc/mdevctl.d/PARENT/UUID. Its tools, libvirt and udev rules go on working on the same files. */
const storePath = '/etc/mdevctl.d'

export interface StoredDefinition {
  readonly uuid: Uuid
  readonly parent: string
  readonly definition: Definition
}

export function definitionPath(parent: string, uuid: Uuid): string {
  return `${storePath}/${checkedName('parent', parent)}/${uuid}`
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
    let names: string[]
    try {
      names = files.list(folder)
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) warnings.push(unreadable(folder, error))
      continue
    }
    for (const name of only === undefined ? names : names.filter((name) => name === only)) {
      const path = `${folder}/${name}`
      const uuid = uuidOrNull(name)
      if (uuid === name) addDefinition(files, { uuid, parent, path }, definitions, warnings)
      else if (!isTemporary(name)) warnings.push({ path, message: 'is no definition: its name is no UUID' })
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
  const path = definitionPath(parent, uuid)
  try {
    return parseDefinition(files.read(path), path)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
    if (error instanceof VfioError) throw error
    throw storeError(`cannot read ${path}`, path, error)
  }
}

/** Runs `work` as the only vfioctl that changes the store, which is made if it is not there. */
export function withStoreLock<T>(kernel: Kernel, work: () => Promise<T> | T): Promise<T> {
  ensureDirectory(kernel.files, storePath)
  return withLock(kernel, storePath, work)
}

/** Under the store's lock. Old file or new file, at whatever moment the process or the machine dies. */
export function saveDefinition(files: HostFiles, { uuid, parent, definition }: StoredDefinition): void {
  const path = definitionPath(parent, uuid)
  const folder = `${storePath}/${parent}`
  const temporary = `${folder}/.${uuid}.new`
  try {
    ensureDirectory(files, folder)
    removeLeftover(files, temporary)
    files.create(temporary, formatDefinition(definition))
    files.rename(temporary, path)
    files.syncDirectory(folder)
  } catch (error) {
    removeLeftover(files, temporary)
    throw storeError(`cannot save ${path}`, path, error)
  }
}

/** Under the store's lock. */
export function deleteDefinition(files: HostFiles, parent: string, uuid: Uuid): void {
  const path = definitionPath(parent, uuid)
  try {
    files.unlink(path)
    files.syncDirectory(`${storePath}/${parent}`)
  } catch (error) {
    throw storeError(`cannot delete ${path}`, path, error)
  }
}

/** Names that a killed vfioctl may leave; the next save of that UUID takes them away. */
function isTemporary(name: string): boolean {
  return /^\.[0-9a-f-]{36}\.new$/.test(name)
}

function addDefinition(
  files: HostFiles,
  { uuid, parent, path }: { uuid: Uuid; parent: string; path: string },
  definitions: StoredDefinition[],
  warnings: Warning[],
): void {
  try {
    definitions.push({ uuid, parent, definition: parseDefinition(files.read(path), path) })
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return
    warnings.push(error instanceof VfioError ? { path, message: error.message } : unreadable(path, error))
  }
}

/** The parents that have a folder. Scripts of old mdevctl versions stand in the same place and are no parent. */
function listStore(files: HostFiles, warnings: Warning[]): string[] {
  try {
    return files.list(storePath).filter((name) => name !== 'scripts.d')
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) warnings.push(unreadable(storePath, error))
    return []
  }
}

function ensureDirectory(files: HostFiles, path: string): void {
  try {
    files.makeDirectory(path)
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw storeError(`cannot make ${path}`, path, error)
  }
}

function removeLeftover(files: HostFiles, path: string): void {
  try {
    files.unlink(path)
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EROFS')) throw error
  }
}

function storeError(tried: string, path: string, cause: unknown): VfioError {
  const denied = failedWith(cause, 'EACCES', 'EPERM', 'EROFS')
  return new VfioError(denied ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED', `${tried}: ${kernelAnswer(cause)}`, {
    path,
    cause,
    hint: denied ? 'definitions belong to root: sudo vfioctl …' : `df ${storePath}; ls -ld ${path}`,
  })
}
