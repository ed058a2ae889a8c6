import { asVfioError, withMore } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { deleteKept, ensureDirectory, type KeptFile, pathOf, readKept, replaceKept } from './durable-files.ts'

/** A file to be written or deleted, and its content before: null for none. */
export interface Replacement {
  readonly file: KeptFile
  readonly now: string | null
  readonly content: string | null
}

/** Takes back what was written; answers the paths of files that stay otherwise. */
export type TakeBack = () => string[]

/**
 * Makes all the changes, or takes back those that were made and throws; the error names what could not be taken back.
 */
export function writeAll(files: HostFiles, all: readonly Replacement[]): TakeBack {
  const begun: Replacement[] = []
  const takeBack = () => begun.toReversed().flatMap((entry) => (isTakenBack(files, entry) ? [] : [pathOf(entry.file)]))
  try {
    for (const entry of all) {
      begun.push(entry)
      if (entry.content === null) {
        deleteFile(files, entry.file)
        continue
      }
      makeDirectories(files, entry.file.folder)
      replaceKept(files, entry.file, entry.content)
    }
    return takeBack
  } catch (error) {
    const left = takeBack()
    if (left.length === 0) throw error
    throw withMore(asVfioError(error), `it could not take back ${left.join(', ')}`, { facts: { left } })
  }
}

/** False if it stays otherwise. What fails in that is not told: the error before is. */
function isTakenBack(files: HostFiles, { file, now }: Replacement): boolean {
  const isAsBefore = () => readKept(files, pathOf(file), (text) => text) === now
  attempt(() => {
    if (isAsBefore()) return
    if (now === null) deleteKept(files, file)
    else replaceKept(files, file, now)
  })
  if (now === null) attempt(() => removeDropInFolder(files, file))
  return attempt(isAsBefore) ?? false
}

/** Null if it throws. */
function attempt<T>(step: () => T): T | null {
  try {
    return step()
  } catch {
    return null
  }
}

/** An image that is being made may have none of them yet. */
function makeDirectories(files: HostFiles, folder: string): void {
  const parts = folder.split('/').slice(1)
  for (const [index] of parts.entries()) ensureDirectory(files, `/${parts.slice(0, index + 1).join('/')}`)
}

/** Deletes a file, with its folder if that was for a target's drop-ins and is now empty. */
export function deleteFile(files: HostFiles, file: KeptFile): void {
  deleteKept(files, file)
  removeDropInFolder(files, file)
}

function removeDropInFolder(files: HostFiles, { folder }: KeptFile): void {
  if (!folder.endsWith('.target.d')) return
  try {
    files.removeDirectory(folder)
  } catch (error) {
    if (!failedWith(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error
  }
}
