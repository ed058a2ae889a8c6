import type { HostFiles } from './kernel.ts'
import { failedWith } from './system-error.ts'

/** What a symlink of the host leads to; null where there is none. */
export function linkOrNull(files: Pick<HostFiles, 'readlink'>, path: string): string | null {
  try {
    return files.readlink(path)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'EINVAL')) return null
    throw error
  }
}

/** The last part of it, which in sysfs is the name of a device, a driver or a group. */
export function linkedName(files: Pick<HostFiles, 'readlink'>, path: string): string | null {
  const target = linkOrNull(files, path)
  return target === null ? null : target.slice(target.lastIndexOf('/') + 1)
}
