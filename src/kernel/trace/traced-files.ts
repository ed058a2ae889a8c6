import type { FileKind, FileOwner, HostFiles } from '../kernel.ts'
import { shownText } from './shown-argument.ts'

/** Makes a call and tells of it: what it is called, on what. */
export type Tell = <T>(name: string, shown: string, call: () => T) => T

/** Host files, of which what changes something is told. */
export class TracedFiles implements HostFiles {
  readonly uid: number
  readonly #files: HostFiles
  readonly #tell: Tell

  constructor(files: HostFiles, tell: Tell) {
    this.uid = files.uid
    this.#files = files
    this.#tell = tell
  }

  list(path: string): string[] {
    return this.#files.list(path)
  }
  read(path: string, largest?: number): string {
    return this.#files.read(path, largest)
  }
  readlink(path: string): string {
    return this.#files.readlink(path)
  }
  kind(path: string): FileKind | null {
    return this.#files.kind(path)
  }
  isClaimed(path: string): boolean {
    return this.#files.isClaimed(path)
  }
  owner(path: string): FileOwner {
    return this.#files.owner(path)
  }

  modified(path: string): number {
    return this.#files.modified(path)
  }

  write(path: string, text: string): Promise<void> {
    return this.#tell('write', `${shownText(path)}, ${shownText(text)}`, () => this.#files.write(path, text))
  }
  chown(path: string, uid: number, gid: number): void {
    this.#tell('chown', `${shownText(path)}, ${uid}, ${gid}`, () => this.#files.chown(path, uid, gid))
  }
  chmod(path: string, mode: number): void {
    this.#tell('chmod', `${shownText(path)}, 0${mode.toString(8)}`, () => this.#files.chmod(path, mode))
  }
  create(path: string, text: string, mode?: number): void {
    this.#tell('create', `${shownText(path)}, ${shownText(text)}`, () => this.#files.create(path, text, mode))
  }
  rename(from: string, to: string): void {
    this.#tell('rename', `${shownText(from)}, ${shownText(to)}`, () => this.#files.rename(from, to))
  }
  unlink(path: string): void {
    this.#tell('unlink', shownText(path), () => this.#files.unlink(path))
  }
  makeDirectory(path: string): void {
    this.#tell('mkdir', shownText(path), () => this.#files.makeDirectory(path))
  }
  removeDirectory(path: string): void {
    this.#tell('rmdir', shownText(path), () => this.#files.removeDirectory(path))
  }
  syncDirectory(path: string): void {
    this.#tell('fsync', shownText(path), () => this.#files.syncDirectory(path))
  }
}
