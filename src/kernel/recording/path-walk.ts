import { systemError } from '../../base/system-error.ts'
import type { FileKind } from '../kernel.ts'

const maxLinks = 40

/** A name in a folder, as lstat(2) and readlink(2) tell of it. */
export interface Looked {
  readonly kind: FileKind | 'unknown'
  readonly target?: string | undefined
}

/**
 * Follows a path from `/`, name by name: its own path without links, and what is there. `SystemError` as Linux has
 * them.
 */
export function walkPath<T extends Looked>(
  path: string,
  syscall: string,
  follow: boolean,
  look: (path: string) => T | null,
): { readonly path: string; readonly node: T | null } {
  const fail = (code: string) => systemError(code, syscall, path)
  if (!path.startsWith('/') || path.includes('\0')) throw fail('ENOENT')
  if (Buffer.byteLength(path) >= 4096) throw fail('ENAMETOOLONG')
  const isFolder = /\/\.?$/.test(path)
  const rest = path.split('/').reverse()
  let trail: { at: string; node: T }[] = []
  let links = 0
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    const here = trail.at(-1)
    if (name === '') continue
    if (here !== undefined && here.node.kind !== 'directory') throw fail('ENOTDIR')
    if (name === '.') continue
    if (name === '..') {
      trail.pop()
      continue
    }
    const at = `${here?.at ?? ''}/${name}`
    const node = look(at)
    if (node === null) throw fail('ENOENT')
    const isLast = rest.every((it) => it === '')
    if (node.kind !== 'symlink' || (isLast && !follow && !isFolder)) {
      trail.push({ at, node })
      continue
    }
    if (++links > maxLinks) throw fail('ELOOP')
    const target = node.target ?? ''
    if (target.startsWith('/')) trail = []
    rest.push(...target.split('/').reverse())
  }
  const found = trail.at(-1)
  if (found !== undefined && isFolder && found.node.kind !== 'directory') throw fail('ENOTDIR')
  return { path: found?.at ?? '/', node: found?.node ?? null }
}
