import { failedWith } from '../../base/system-error.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** The target of a symlink of the host; null if there is none. */
function linkOrNull(files: Pick<HostFiles, 'readlink'>, path: string): string | null {
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

/** As many as the kernel follows (MAXSYMLINKS). */
const maxLinks = 40

/** A path with every link in it followed, as far as it is there; null for a loop. */
export function followLinks(files: Pick<HostFiles, 'readlink'>, path: string): string | null {
  const left = path.split('/')
  let found = ''
  let links = 0
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '..') found = found.slice(0, Math.max(0, found.lastIndexOf('/')))
    if (part === '' || part === '.' || part === '..') continue
    const target = linkOrNull(files, `${found}/${part}`)
    if (target === null) {
      found += `/${part}`
      continue
    }
    if (++links > maxLinks) return null
    if (target.startsWith('/')) found = ''
    left.unshift(...target.split('/'))
  }
  return found
}
