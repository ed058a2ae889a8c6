import { failedWith } from '../../base/system-error.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/*
 * The one place that turns a missing file into nothing. `readOrNull` and `listIfThere` say only that it is not there;
 * `readIfAllowed` also passes over what is not ours to read; these three throw whatever else the kernel answers. The
 * others throw nothing: they are for what explains something else, and for lists of what a user may see.
 */

/**
 * The text of a file, of at most so many bytes (1 MiB if absent); null if it is not there. Throws `SystemError` if it
 * cannot be read.
 */
export function readOrNull(files: Pick<HostFiles, 'read'>, path: string, largest?: number): string | null {
  try {
    return files.read(path, largest)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

/** The text of a file; null if it is not there, or not ours to read. Throws `SystemError` if reading it fails. */
export function readIfAllowed(files: Pick<HostFiles, 'read'>, path: string): string | null {
  try {
    return files.read(path)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return null
    throw error
  }
}

/**
 * The names in a directory, in the kernel's order; none if it is not there. Throws `SystemError` if it cannot be
 * listed.
 */
export function listIfThere(files: Pick<HostFiles, 'list'>, path: string): string[] {
  try {
    return files.list(path)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

/** The names in a directory; none if it is not there, or not ours to look into. */
export function listOrNone(files: Pick<HostFiles, 'list'>, path: string): string[] {
  try {
    return files.list(path)
  } catch {
    return []
  }
}

/** The text of a file; null if it is not there, or cannot be read. */
export function readOrNone(files: Pick<HostFiles, 'read'>, path: string): string | null {
  try {
    return files.read(path)
  } catch {
    return null
  }
}

/** A text file; '' if it is not there, or not ours to look into. */
export function readOrEmpty(files: Pick<HostFiles, 'read'>, path: string): string {
  return readOrNone(files, path) ?? ''
}

/** The target of a symlink; '' if there is none, or it is not ours to look into. */
export function linkOrEmpty(files: Pick<HostFiles, 'readlink'>, path: string): string {
  try {
    return files.readlink(path)
  } catch {
    return ''
  }
}

/** The kind of file at a path; null if there is none, or it is not ours to look at. */
export function kindOrNone(files: Pick<HostFiles, 'kind'>, path: string): ReturnType<HostFiles['kind']> {
  try {
    return files.kind(path)
  } catch {
    return null
  }
}
