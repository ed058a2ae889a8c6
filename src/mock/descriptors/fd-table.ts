import { Errno } from '../base/errno.ts'
import type { OpenFile } from './open-file.ts'

/** The descriptors of one kernel object: as in a process, a new one takes the lowest free number. */
export class FdTable {
  readonly #files = new Map<number, OpenFile>()
  /**
   * Of a file that a message on a socket carries, or carried: its descriptors and messages, if they are more than one.
   */
  readonly #references = new Map<OpenFile, number>()

  /** Opens a descriptor for a file: the lowest free number. */
  add(file: OpenFile): number {
    let fd = 3
    while (this.#files.has(fd)) fd++
    this.#files.set(fd, file)
    return fd
  }

  /** The file behind a descriptor; undefined if it is not open. */
  find(fd: number): OpenFile | undefined {
    return this.#files.get(fd)
  }

  /** The file behind a descriptor; EBADF if it is not open. */
  get(fd: number): OpenFile {
    const file = this.find(fd)
    if (file === undefined) throw new Errno('EBADF')
    return file
  }

  /** Takes the descriptor away and leaves closing the file to the caller. */
  take(fd: number): OpenFile {
    const file = this.get(fd)
    this.#files.delete(fd)
    return file
  }

  /** A message takes the file along: closing its descriptor does not close it. */
  hold(file: OpenFile): void {
    this.#references.set(file, (this.#references.get(file) ?? 1) + 1)
  }

  /** A descriptor or message of the file is gone: closes it if it was the last. */
  release(file: OpenFile): void {
    const left = (this.#references.get(file) ?? 1) - 1
    if (left > 1) this.#references.set(file, left)
    else this.#references.delete(file)
    if (left === 0) file.close()
  }

  /** Every open descriptor with its file, by number. */
  entries(): [number, OpenFile][] {
    return [...this.#files].sort(([a], [b]) => a - b)
  }
}
