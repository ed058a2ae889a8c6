import type { HostFiles } from '../../kernel/kernel.ts'

/** What a directory holds; nothing where it is not there, or not ours to look into. */
export function listOrNone(files: Pick<HostFiles, 'list'>, path: string): string[] {
  try {
    return files.list(path)
  } catch {
    return []
  }
}

/** A text file; '' where it is not there, or not ours to look into. */
export function readOrEmpty(files: Pick<HostFiles, 'read'>, path: string): string {
  try {
    return files.read(path)
  } catch {
    return ''
  }
}

/** What a symlink leads to; '' where there is none, or it is not ours to look into. */
export function linkOrEmpty(files: Pick<HostFiles, 'readlink'>, path: string): string {
  try {
    return files.readlink(path)
  } catch {
    return ''
  }
}
