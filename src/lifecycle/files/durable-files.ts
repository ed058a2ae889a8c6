import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { changedBy } from '../../host/changeable-by-others.ts'
import { unreadable, type Warning } from '../../host/warning.ts'
import { finishFirst } from '../../kernel/finish-first.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'

/** Files below /etc that outlive the machine's being switched off: how they are read, replaced and deleted. */

/** A file's folder and name: names are checked before they come here. */
export interface KeptFile {
  readonly folder: string
  readonly name: string
  /** Its permissions, if they are others than those of a setting: 0o755 of a script. */
  readonly mode?: number
}

/** The path of a kept file. */
export function pathOf({ folder, name }: KeptFile): string {
  return `${folder}/${name}`
}

/** A file's content, parsed, or null if there is none. Throws what `parse` throws for a file that is broken. */
export function readKept<T>(files: HostFiles, path: string, parse: (text: string, path: string) => T): T | null {
  try {
    // most are not there, and an error is dear
    return files.kind(path) === null ? null : parse(files.read(path), path)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
    if (error instanceof VfioError) throw error
    throw failed(`cannot read ${path}`, path, error)
  }
}

/** The same in a listing: what is broken or cannot be read is a warning, and null. */
export function readListed<T>(
  files: HostFiles,
  path: string,
  parse: (text: string, path: string) => T,
  warnings: Warning[],
): T | null {
  try {
    return parse(files.read(path), path)
  } catch (error) {
    // deleted since it was listed; a link to nothing is still there
    if (failedWith(error, 'ENOENT') && files.kind(path) === null) return null
    warnings.push(error instanceof VfioError ? faultOf(path, error) : unreadable(path, error))
    return null
  }
}

/** The warning's own path stands before it. */
function faultOf(path: string, { message }: VfioError): Warning {
  return { path, message: message.startsWith(`${path} `) ? message.slice(path.length + 1) : message }
}

/** Under the store's lock. Old file or new file, at whatever moment the process or the machine dies. */
export function replaceKept(files: HostFiles, file: KeptFile, content: string): void {
  replaceOne(files, file, content)
  sync(files, file.folder, pathOf(file))
}

/** The same for many files of one folder, by their names: each old or new. */
export function replaceAllKept(files: HostFiles, folder: string, contents: ReadonlyMap<string, string>): void {
  for (const [name, content] of contents) replaceOne(files, { folder, name }, content)
  sync(files, folder, folder)
}

function sync(files: HostFiles, folder: string, path: string): void {
  try {
    files.syncDirectory(folder)
  } catch (error) {
    throw failed(`cannot save ${path}`, path, error)
  }
}

function replaceOne(files: HostFiles, file: KeptFile, content: string): void {
  const path = pathOf(file)
  const temporary = `${file.folder}/.${file.name}.new`
  finishFirst()
  try {
    ensureDirectory(files, file.folder)
    clearWay(files, temporary)
    files.create(temporary, content, file.mode ?? keptMode(files, path))
    files.rename(temporary, path)
  } catch (error) {
    removeQuietly(files, temporary)
    throw failed(`cannot save ${path}`, path, error)
  }
}

/** A file that is replaced keeps its mode, unless others could write it by that. */
function keptMode(files: HostFiles, path: string): number | undefined {
  if (files.kind(path) !== 'file' || changedBy(files, path) !== null) return undefined
  return files.owner(path).mode & 0o777
}

/** True for a file that a killed vfioctl may leave; the next save of that name takes it away. */
export function isLeftover(name: string): boolean {
  return /^\..+\.new$/.test(name)
}

/** Under the store's lock. */
export function deleteKept(files: HostFiles, file: KeptFile): void {
  const path = pathOf(file)
  try {
    if (files.kind(path) === 'directory') files.removeDirectory(path)
    else files.unlink(path)
    files.syncDirectory(file.folder)
  } catch (error) {
    if (failedWith(error, 'ENOTEMPTY')) {
      throw refusedByKernel(`cannot delete ${path}, a folder`, error, {
        path,
        hint: `look into it; then rm -r ${path}`,
      })
    }
    throw failed(`cannot delete ${path}`, path, error)
  }
}

/** Makes a directory if it is not there; its parent must be. */
export function ensureDirectory(files: HostFiles, path: string): void {
  if (files.kind(path) === 'directory') return
  try {
    files.makeDirectory(path)
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw failed(`cannot make ${path}`, path, error)
  }
}

/** Of what a new file is written to first. */
function clearWay(files: HostFiles, path: string): void {
  try {
    removeLeftover(files, path)
  } catch (error) {
    throw refusedByKernel(`cannot take ${path} away, which a new file is written to first`, error, {
      path,
      hint: `ls -ld ${path}; then rm -r ${path}`,
    })
  }
}

/** A folder that holds nothing too. */
function removeLeftover(files: HostFiles, path: string): void {
  const kind = files.kind(path)
  if (kind === null) return
  try {
    if (kind === 'directory') files.removeDirectory(path)
    else files.unlink(path)
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}

/** After a failure, which is what is to be told. */
function removeQuietly(files: HostFiles, path: string): void {
  try {
    removeLeftover(files, path)
  } catch {
    // the next save takes it away, or says why not
  }
}

function failed(tried: string, path: string, cause: unknown): VfioError {
  if (cause instanceof VfioError) return cause
  const folder = path.slice(0, path.lastIndexOf('/'))
  const isReadOnly = failedWith(cause, 'EROFS')
  return refusedByKernel(tried, cause, {
    path,
    hint: isReadOnly ? `findmnt -T ${folder} shows the file system that is read-only` : `df; ls -ld ${path}`,
  })
}
