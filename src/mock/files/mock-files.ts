import { posix } from 'node:path'
import { systemError } from '../../base/system-error.ts'
import type { FileKind, FileOwner, HostFiles } from '../../kernel/kernel.ts'
import * as disk from '../base/disk.ts'
import { asSystemError, Errno, systemCall } from '../base/errno.ts'
import type { Machine } from '../machine/machine.ts'
import type { CallName } from '../machine/machine-observer.ts'
import type { Snapshot } from '../state/state.ts'
import { buildRoot } from './root.ts'
import type { Folder, Node, TextFile } from './tree.ts'
import { type Found, walk } from './walk.ts'

const largestFile = 2 ** 20

/** Of nodes that their drivers do not keep for root. */
const nodeModes: Readonly<Record<string, number>> = { '/dev/vfio/vfio': 0o666, '/dev/iommu': 0o660 }

/** The machine's files behind the seam's interface. */
export class MockFiles implements HostFiles {
  readonly uid: number = 0
  readonly #machine: Machine
  #root: { readonly of: Snapshot; readonly folder: Folder } | null = null

  constructor(machine: Machine) {
    this.#machine = machine
  }

  find(path: string, follow = true): Found {
    const state = this.#machine.store.read()
    if (this.#root?.of !== state) this.#root = { of: state, folder: buildRoot(this.#machine, state) }
    return walk(this.#root.folder, path, follow)
  }

  list(path: string): string[] {
    return this.#called('files.list', 'scandir', path, () => {
      const { node } = this.find(path)
      if (node.kind !== 'directory') throw new Errno('ENOTDIR')
      return [...node.entries.keys()]
    })
  }

  read(path: string, largest: number = largestFile): string {
    const node = this.#called('files.read', 'open', path, () => this.find(path).node)
    if (node.kind !== 'file') throw systemError(node.kind === 'directory' ? 'EISDIR' : 'EINVAL', 'read', path)
    const { read } = node
    if (read === undefined) throw systemError('EACCES', 'open', path)
    const text = String(systemCall('read', path, () => Buffer.from(read())))
    if (Buffer.byteLength(text) > largest) throw systemError('EFBIG', 'read', path)
    return text
  }

  readlink(path: string): string {
    return this.#called('files.readlink', 'readlink', path, () => {
      const { node } = this.find(path, false)
      if (node.kind !== 'symlink') throw new Errno('EINVAL')
      return node.target
    })
  }

  kind(path: string): FileKind | null {
    try {
      if (this.#socketAt(path) !== null) return 'other'
      return this.find(path, false).node.kind
    } catch (error) {
      if (error instanceof Errno && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
      throw asSystemError(error, 'lstat', path)
    }
  }

  async write(path: string, text: string): Promise<void> {
    const node = systemCall('open', path, () => this.find(path).node)
    const write = systemCall('open', path, () => writeOf(node))
    const bytes = Buffer.from(text)
    if (bytes.length === 0) return
    try {
      this.#machine.observer.called({ name: 'files.write', path, text })
      // one write(2) to sysfs hands the driver at most a page
      await write(path.startsWith('/sys/') ? bytes.subarray(0, this.#machine.traits.pageSize) : bytes)
    } catch (error) {
      throw asSystemError(error, 'write', path)
    }
  }

  /** It has no block devices. */
  isClaimed(): boolean {
    return false
  }

  owner(path: string): FileOwner {
    return systemCall('stat', path, () => this.#ownerOf(this.find(path)))
  }

  /** Nothing here has a time. */
  modified(path: string): number {
    return systemCall('stat', path, () => this.find(path)) && 0
  }

  chown(path: string, uid: number, gid: number): void {
    this.#changeOwner('files.chown', path, { uid, gid })
  }

  chmod(path: string, mode: number): void {
    this.#changeOwner('files.chmod', path, { mode })
  }

  create(path: string, text: string): void {
    this.#change('files.create', 'open', path, 'EACCES', (draft, at) => disk.createFile(draft, at, text))
  }

  rename(from: string, to: string): void {
    this.#called('files.rename', 'rename', from, () => {
      const [source, target] = [this.#place(from, 'EPERM'), this.#place(to, 'EPERM')]
      this.#machine.store.update((draft) => disk.rename(draft.disk, source, target))
    })
  }

  unlink(path: string): void {
    const socket = systemCall('unlink', path, () => this.#socketAt(path))
    if (socket !== null) this.#machine.sockets.delete(socket)
    else this.#change('files.unlink', 'unlink', path, 'EPERM', disk.unlink)
  }

  makeDirectory(path: string): void {
    this.#change('files.makeDirectory', 'mkdir', path, 'EPERM', disk.makeDirectory)
  }

  removeDirectory(path: string): void {
    this.#change('files.removeDirectory', 'rmdir', path, 'EPERM', disk.removeDirectory)
  }

  /** Nothing to do: a transaction is on the disk, or the state has none. */
  syncDirectory(path: string): void {
    systemCall('open', path, () => {
      if (this.find(path).node.kind !== 'directory') throw new Errno('ENOTDIR')
    })
  }

  /** The canonical path of a socket; null for what is none. */
  #socketAt(path: string): string | null {
    const { sockets } = this.#machine
    if (sockets.size === 0) return null
    const [, folder = '', name = ''] = /^(.*\/)([^/]+)$/.exec(path) ?? []
    const at = posix.join(this.find(folder).path, name)
    return sockets.has(at) ? at : null
  }

  #ownerOf({ node, path }: Found): FileOwner {
    if (node.kind !== 'device') return { uid: 0, gid: 0, mode: node.kind === 'directory' ? 0o755 : 0o644 }
    return this.#machine.store.read().owners[path] ?? { uid: 0, gid: 0, mode: nodeModes[path] ?? 0o600 }
  }

  /** Of device nodes alone: everything else stays root's, as on a disk that is mounted read-only. */
  #changeOwner(name: 'files.chown' | 'files.chmod', path: string, change: Partial<FileOwner>): void {
    this.#called(name, name === 'files.chown' ? 'chown' : 'chmod', path, () => {
      const found = this.find(path)
      if (found.node.kind !== 'device') throw new Errno('EROFS')
      const owner = { ...this.#ownerOf(found), ...change }
      this.#machine.store.update((draft) => {
        draft.owners[found.path] = owner
      })
    })
  }

  #change(
    name: CallName,
    call: string,
    path: string,
    elsewhere: 'EPERM' | 'EACCES',
    work: (draft: disk.Disk, at: string) => void,
  ): void {
    this.#called(name, call, path, () => {
      const at = this.#place(path, elsewhere)
      this.#machine.store.update((draft) => work(draft.disk, at))
    })
  }

  #called<T>(name: CallName, call: string, path: string, work: () => T): T {
    return systemCall(call, path, () => {
      this.#machine.observer.called({ name, path })
      return work()
    })
  }

  /** The canonical path of a directory entry that is to change. /sys, /proc and /dev take no files: `elsewhere`. */
  #place(path: string, elsewhere: 'EPERM' | 'EACCES'): string {
    const [, parent = '', name = ''] = /^(.*\/)([^/]+)\/*$/.exec(path) ?? []
    if (name === '' || name === '.' || name === '..') {
      this.find(path)
      throw new Errno('EEXIST')
    }
    const folder = this.find(parent)
    if (folder.node.kind !== 'directory') throw new Errno('ENOTDIR')
    if (Buffer.byteLength(name) > 255) throw new Errno('ENAMETOOLONG')
    if (name.includes('\0')) throw new Errno('ENOENT')
    const isMountPoint = folder.path === '/' && ['sys', 'proc', 'dev'].includes(name)
    if (elsewhere === 'EACCES' && folder.node.entries.has(name)) throw new Errno('EEXIST')
    if (!folder.node.onDisk || isMountPoint) {
      if (elsewhere === 'EPERM' && isMountPoint) throw new Errno('EBUSY')
      throw new Errno(elsewhere)
    }
    return folder.path === '/' ? `/${name}` : `${folder.path}/${name}`
  }
}

function writeOf(node: Node): NonNullable<TextFile['write']> {
  if (node.kind === 'directory') throw new Errno('EISDIR')
  // devices and, as every walk follows them, symlinks do not come here in earnest
  if (node.kind !== 'file') throw new Errno('EINVAL')
  if (node.write === undefined) throw new Errno('EACCES')
  return node.write
}
