import { Errno } from '../base/errno.ts'
import type { Folder, Node } from './tree.ts'

const maxLinks = 40

/** Target of a path. */
export interface Found {
  readonly node: Node
  /** Absolute, without symlinks. */
  readonly path: string
}

/** Resolves a path, as path_resolution(7) says. `follow`: also through a symlink at its very end. */
export function walk(root: Folder, path: string, follow: boolean): Found {
  if (!path.startsWith('/') || path.includes('\0')) throw new Errno('ENOENT')
  if (Buffer.byteLength(path) >= 4096) throw new Errno('ENAMETOOLONG')
  const mustBeDirectory = /\/\.?$/.test(path)
  const trail: { name: string; node: Node }[] = [{ name: '', node: root }]
  const todo = path.split('/').reverse()
  let links = 0
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    const here = trail.at(-1)?.node
    if (name === '') continue
    if (here?.kind !== 'directory') throw new Errno('ENOTDIR')
    if (name === '.') continue
    if (name === '..') {
      if (trail.length > 1) trail.pop()
      continue
    }
    if (Buffer.byteLength(name) > 255) throw new Errno('ENAMETOOLONG')
    const node = here.entries.get(name)
    if (node === undefined) throw new Errno('ENOENT')
    const isLast = todo.every((rest) => rest === '')
    if (node.kind !== 'symlink' || (isLast && !follow && !mustBeDirectory)) {
      trail.push({ name, node })
      continue
    }
    if (++links > maxLinks) throw new Errno('ELOOP')
    if (node.target.startsWith('/')) trail.splice(1)
    todo.push(...node.target.split('/').reverse())
  }
  const node = trail.at(-1)?.node ?? root
  if (mustBeDirectory && node.kind !== 'directory') throw new Errno('ENOTDIR')
  return { node, path: trail.length === 1 ? '/' : trail.map(({ name }) => name).join('/') }
}
