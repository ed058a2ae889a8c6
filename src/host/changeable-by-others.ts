import { posix } from 'node:path'
import type { HostFiles } from '../kernel/kernel.ts'

const maxLinks = 40
const sticky = 0o1000

/** The place that a path leads to, followed link by link. */
interface RealPlace {
  /** Without a link in it; as far as it was followed if `changeable` says something. */
  readonly path: string
  /**
   * The reason why others than root, and than the user we run as, could change what stands there or put another in its
   * place, as the end of a sentence: by its own owner or mode, or by those of a folder on the way. Null if nobody
   * else can.
   */
  readonly changeable: string | null
}

/** Follows an absolute path. Throws `SystemError` if it leads to nothing. */
export function realPlace(files: HostFiles, path: string): RealPlace {
  const rest = path.split('/').reverse()
  let at = '/'
  let links = 0
  // In a sticky folder, as /tmp is, what is root's stays where it is.
  let isShared = false
  for (let name: string | undefined = '.'; name !== undefined; name = rest.pop()) {
    const full: string = posix.join(at, name)
    if (files.kind(full) === 'symlink') {
      // the owner of a link is not told, only that of what it leads to
      if (isShared) return { path: full, changeable: `${full} is a link in a folder that everybody can write` }
      if (++links > maxLinks) return { path: full, changeable: `${full} is one of links without end` }
      const target = files.readlink(full)
      if (target.startsWith('/')) at = '/'
      rest.push(...target.split('/').reverse())
      continue
    }
    const { mode, changeable } = ownChange(files, full)
    isShared = changeable === 'writers' && (mode & sticky) !== 0 && rest.some((part) => part !== '' && part !== '.')
    if (changeable !== null && !isShared) return { path: full, changeable: changedBy(files, full) }
    at = full
  }
  return { path: at, changeable: null }
}

/** The same of what stands at a path alone, without the folders above it. */
export function changedBy(files: HostFiles, path: string): string | null {
  const { uid, gid, mode, changeable } = ownChange(files, path)
  if (changeable === null) return null
  if (changeable === 'owner') return `${path} belongs to user ${uid}`
  return `${path} can be written by ${(mode & 0o002) === 0 ? `group ${gid}` : 'everybody'}`
}

function ownChange(files: HostFiles, path: string) {
  const { uid, gid, mode } = files.owner(path)
  const isOthers = uid !== 0 && uid !== files.uid
  const writers = gid === 0 ? 0o002 : 0o022
  const changeable = isOthers ? 'owner' : (mode & writers) !== 0 ? 'writers' : null
  return { uid, gid, mode, changeable } as const
}
