import { Errno } from './errno.ts'

/** The writable disk as data: text files by canonical path, null for a directory. Its root is always there. */
export type Disk = Record<string, string | null>

/** True if everything lies in folders: no path goes through a text file. */
export function isTree(disk: Readonly<Disk>): boolean {
  return Object.keys(disk).every((path) => {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const above = path.slice(0, at)
      if (Object.hasOwn(disk, above) && disk[above] !== null) return false
    }
    return true
  })
}

/** Makes a file; EEXIST if it is there, ENOENT without its directory. */
export function createFile(disk: Disk, path: string, text: string): void {
  if (isThere(disk, path)) throw new Errno('EEXIST')
  disk[path] = text
}

/** mkdir(2): EEXIST, ENOENT. */
export function makeDirectory(disk: Disk, path: string): void {
  if (isThere(disk, path)) throw new Errno('EEXIST')
  disk[path] = null
}

/** unlink(2): ENOENT, EISDIR. */
export function unlink(disk: Disk, path: string): void {
  if (lookUp(disk, path) === null) throw new Errno('EISDIR')
  delete disk[path]
}

/** rmdir(2): ENOENT, ENOTDIR, ENOTEMPTY. */
export function removeDirectory(disk: Disk, path: string): void {
  if (lookUp(disk, path) !== null) throw new Errno('ENOTDIR')
  if (below(disk, path).length > 0) throw new Errno('ENOTEMPTY')
  delete disk[path]
}

/** rename(2) of a file: replaces what has the name. */
export function rename(disk: Disk, from: string, to: string): void {
  const moved = lookUp(disk, from)
  if (from === to) return
  if (to.startsWith(`${from}/`)) throw new Errno('EINVAL')
  if (isThere(disk, to)) {
    const replaced = lookUp(disk, to)
    if (moved === null && replaced !== null) throw new Errno('ENOTDIR')
    if (moved !== null && replaced === null) throw new Errno('EISDIR')
    if (below(disk, to).length > 0) throw new Errno('ENOTEMPTY')
  }
  for (const path of [from, ...below(disk, from)]) {
    const content = lookUp(disk, path)
    delete disk[path]
    disk[to + path.slice(from.length)] = content
  }
}

/** write(2) at the start of a file that is not truncated. */
export function overwrite(disk: Disk, path: string, bytes: Buffer): void {
  const content = lookUp(disk, path)
  if (content === null) throw new Errno('EISDIR')
  disk[path] = Buffer.concat([bytes, Buffer.from(content).subarray(bytes.length)]).toString()
}

function lookUp(disk: Disk, path: string): string | null {
  const content = Object.hasOwn(disk, path) ? disk[path] : undefined
  if (content === undefined) throw new Errno('ENOENT')
  return content
}

function isThere(disk: Disk, path: string): boolean {
  return Object.hasOwn(disk, path)
}

function below(disk: Disk, path: string): string[] {
  return Object.keys(disk).filter((name) => name.startsWith(`${path}/`))
}
