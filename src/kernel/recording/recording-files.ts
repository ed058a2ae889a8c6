import { isSystemError } from '../../base/system-error.ts'
import type { FileKind, FileOwner, HostFiles } from '../kernel.ts'
import { walkPath } from './path-walk.ts'
import type { RecordedError } from './recorded-host.ts'
import { recordedText } from './recorded-text.ts'

/** Answers about a file, the earliest answer of each kind. */
export interface Entry {
  kind: FileKind | 'unknown'
  text?: string
  bytes?: Uint8Array
  target?: string
  names?: readonly string[]
  error?: RecordedError
  owner?: FileOwner
  modified?: number
  claimed?: true
}

/**
 * Host files, of which all that is read is remembered, with the kernel's refusals, by paths without links in them. A
 * folder that is listed is remembered with the kind of each name. Writes are not made: TypeError.
 */
export class RecordingFiles implements HostFiles {
  readonly uid: number
  readonly entries: Map<string, Entry> = new Map([['/', { kind: 'directory' }]])
  readonly #files: HostFiles
  readonly #ownPid: string
  readonly #absent = new Set<string>()

  constructor(files: HostFiles, pid: number) {
    this.uid = files.uid
    this.#files = files
    this.#ownPid = String(pid)
  }

  list(path: string): string[] {
    const entry = this.at(path, true)
    const names = remembering(entry, 'directory', () => this.#files.list(path))
    // who looks is not what is looked at
    const shown = entry?.path === '/proc' ? names.filter((name) => name !== this.#ownPid) : names
    if (entry === null || entry.node.names !== undefined) return shown
    entry.node.names = shown
    // descriptors come and go, and each is looked at by whoever lists them
    if (!/^\/proc\/\w+\/fd$/.test(entry.path)) {
      for (const name of shown) this.#look(entry.path === '/' ? `/${name}` : `${entry.path}/${name}`)
    }
    return shown
  }

  read(path: string, largest?: number): string {
    const entry = this.at(path, true)
    const text = remembering(entry, 'file', () => this.#files.read(path, largest))
    if (entry !== null) entry.node.text ??= recordedText(entry.path, text)
    return text
  }

  readlink(path: string): string {
    // the target is known since the link was found
    this.at(path, false)
    return this.#files.readlink(path)
  }

  kind(path: string): FileKind | null {
    this.at(path, false)
    return this.#files.kind(path)
  }

  isClaimed(path: string): boolean {
    const claimed = this.#files.isClaimed(path)
    const entry = this.at(path, true)
    if (claimed && entry !== null) entry.node.claimed = true
    return claimed
  }

  owner(path: string): FileOwner {
    const entry = this.at(path, true)
    const owner = this.#files.owner(path)
    if (entry !== null) entry.node.owner ??= owner
    return owner
  }

  modified(path: string): number {
    const entry = this.at(path, true)
    const modified = this.#files.modified(path)
    if (entry !== null) entry.node.modified ??= modified
    return modified
  }

  async write(): Promise<void> {
    throw readOnly()
  }
  chown(): void {
    throw readOnly()
  }
  chmod(): void {
    throw readOnly()
  }
  create(): void {
    throw readOnly()
  }
  rename(): void {
    throw readOnly()
  }
  unlink(): void {
    throw readOnly()
  }
  makeDirectory(): void {
    throw readOnly()
  }
  removeDirectory(): void {
    throw readOnly()
  }
  syncDirectory(): void {
    throw readOnly()
  }

  /** The entry of what a path leads to; null if it leads to nothing. */
  at(path: string, follow: boolean): { readonly path: string; readonly node: Entry } | null {
    try {
      const found = walkPath(path, 'lstat', follow, (at) => this.#look(at))
      const node = found.node ?? this.entries.get('/')
      return node === undefined ? null : { path: found.path, node }
    } catch (error) {
      if (!isSystemError(error)) throw error
      return null
    }
  }

  #look(path: string): Entry | null {
    const known = this.entries.get(path)
    if (known !== undefined) return known
    if (this.#absent.has(path)) return null
    const entry = this.#lookAgain(path)
    if (entry === null) this.#absent.add(path)
    else this.entries.set(path, entry)
    return entry
  }

  #lookAgain(path: string): Entry | null {
    try {
      const kind = this.#files.kind(path)
      if (kind === null) return null
      // a link to our own number, which another process does not have
      if (path === '/proc/self' || path === '/proc/thread-self') return { kind: 'directory' }
      return kind === 'symlink' ? { kind, target: this.#files.readlink(path) } : { kind }
    } catch (error) {
      return { kind: 'unknown', error: recordedError(error) }
    }
  }
}

/** The answer of a failed call; throws what is none. */
export function recordedError(error: unknown): RecordedError {
  if (!isSystemError(error)) throw error
  return [error.code, Math.abs(error.errno), error.syscall]
}

/**
 * Makes a call on a file; its failure is remembered, if that is no file of another kind, of which the kind tells the
 * failure.
 */
function remembering<T>(entry: { readonly node: Entry } | null, kind: FileKind, call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (entry?.node.kind === kind && isSystemError(error)) entry.node.error ??= recordedError(error)
    throw error
  }
}

function readOnly(): TypeError {
  return new TypeError('a host that is recorded is not changed')
}
