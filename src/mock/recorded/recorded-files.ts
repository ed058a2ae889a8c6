import { VfioError } from '../../base/errors.ts'
import { failedWith, type SystemError, systemError } from '../../base/system-error.ts'
import type { FileKind, FileOwner, HostFiles } from '../../kernel/kernel.ts'
import { walkPath } from '../../kernel/recording/path-walk.ts'
import type { RecordedError, RecordedFile, RecordedHost } from '../../kernel/recording/recorded-host.ts'

const largestFile = 2 ** 20

/** The files of a recorded host. What was not recorded is not there (ENOENT), and nothing can be changed. */
export class RecordedFiles implements HostFiles {
  readonly uid: number
  readonly #files = new Map<string, RecordedFile>()
  readonly #names = new Map<string, string[]>()

  constructor({ uid, files }: RecordedHost) {
    this.uid = uid
    for (const [path, file] of Object.entries(files)) {
      this.#add(path, typeof file === 'string' ? { kind: 'file', text: file } : file)
    }
    if (!this.#files.has('/')) this.#files.set('/', { kind: 'directory' })
  }

  list(path: string): string[] {
    const file = this.#find(path, 'scandir')
    if (file.kind !== 'directory') throw systemError('ENOTDIR', 'scandir', path)
    if (file.listed !== true) throw refused(file.error, 'scandir', path)
    return [...(this.#names.get(this.#path(path)) ?? [])]
  }

  read(path: string, largest: number = largestFile): string {
    const { kind, text, error } = this.#find(path, 'open')
    if (kind === 'directory') throw systemError('EISDIR', 'read', path)
    if (text === undefined) throw refused(error, 'open', path)
    if (Buffer.byteLength(text) > largest) throw systemError('EFBIG', 'read', path)
    return text
  }

  readlink(path: string): string {
    const { kind, target, error } = this.#find(path, 'readlink', false)
    if (kind !== 'symlink') throw systemError('EINVAL', 'readlink', path)
    if (target === undefined) throw refused(error, 'readlink', path)
    return target
  }

  kind(path: string): FileKind | null {
    try {
      const { kind, error } = this.#find(path, 'lstat', false)
      if (kind === 'unknown') throw refused(error, 'lstat', path)
      return kind
    } catch (error) {
      if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
      throw error
    }
  }

  isClaimed(path: string): boolean {
    try {
      return this.#find(path, 'stat').claimed === true
    } catch {
      return false
    }
  }

  owner(path: string): FileOwner {
    const { owner, error } = this.#find(path, 'stat')
    if (owner === undefined) throw refused(error, 'stat', path)
    return owner
  }

  modified(path: string): number {
    const { modified, error } = this.#find(path, 'stat')
    if (modified === undefined) throw refused(error, 'stat', path)
    return modified
  }

  /** The content of a file that is opened to be read. */
  bytes(path: string): Uint8Array {
    const { kind, bytes, text, error } = this.#find(path, 'open')
    if (kind === 'directory') throw systemError('EISDIR', 'open', path)
    if (bytes !== undefined) return Buffer.from(bytes, 'base64')
    if (text !== undefined) return Buffer.from(text)
    throw refused(error, 'open', path)
  }

  async write(path: string): Promise<void> {
    throw unchangeable(`write to ${path}`)
  }
  chown(path: string): void {
    throw unchangeable(`change the owner of ${path}`)
  }
  chmod(path: string): void {
    throw unchangeable(`change the mode of ${path}`)
  }
  create(path: string): void {
    throw unchangeable(`create ${path}`)
  }
  rename(path: string): void {
    throw unchangeable(`rename ${path}`)
  }
  unlink(path: string): void {
    throw unchangeable(`delete ${path}`)
  }
  makeDirectory(path: string): void {
    throw unchangeable(`make ${path}`)
  }
  removeDirectory(path: string): void {
    throw unchangeable(`delete ${path}`)
  }
  syncDirectory(path: string): void {
    throw unchangeable(`sync ${path}`)
  }

  #find(path: string, syscall: string, follow = true): RecordedFile {
    const { node } = walkPath(path, syscall, follow, (at) => this.#looked(at, syscall, path))
    return node ?? this.#files.get('/') ?? { kind: 'directory' }
  }

  #path(path: string): string {
    return walkPath(path, 'scandir', true, (at) => this.#files.get(at) ?? null).path
  }

  /** A name that could not be looked at refuses whoever comes by. */
  #looked(at: string, syscall: string, path: string): RecordedFile | null {
    const file = this.#files.get(at) ?? null
    if (file?.kind === 'unknown') throw refused(file.error, syscall, path)
    return file
  }

  #add(path: string, file: RecordedFile): void {
    this.#files.set(path, file)
    if (path === '/') return
    const at = path.lastIndexOf('/')
    const folder = at === 0 ? '/' : path.slice(0, at)
    const names = this.#names.get(folder)
    if (names === undefined) this.#names.set(folder, [path.slice(at + 1)])
    else names.push(path.slice(at + 1))
  }
}

/** A failed call as it was recorded; one that was not is as of a file that is not there. */
export function refused(error: RecordedError | undefined, syscall: string, path?: string): SystemError {
  if (error === undefined) return systemError('ENOENT', syscall, path)
  const [code, errno, its] = error
  const where = path === undefined ? '' : ` '${path}'`
  return Object.assign(new Error(`${code}: ${its}${where}`), {
    code,
    errno: -errno,
    syscall: its,
    ...(path === undefined ? {} : { path }),
  })
}

/** The refusal of what would change a recorded host. */
export function unchangeable(what: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `cannot ${what}: what was recorded of a host can be read, and not changed`, {
    hint: 'run it on that host, or on a simulated one: --mock demo',
  })
}
