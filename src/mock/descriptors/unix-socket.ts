import type { Received } from '../../kernel/unix-sockets.ts'
import { Errno } from '../base/errno.ts'
import type { FdTable } from './fd-table.ts'
import type { OpenFile, Readiness } from './open-file.ts'

/** SCM_MAX_FD. */
const mostDescriptors = 253

interface Message {
  readonly bytes: Uint8Array
  readonly files: readonly OpenFile[]
}

/** Tells whoever polls a socket that something can be read. */
class Readers implements Readiness {
  readonly isReadable: () => boolean
  readonly #listeners = new Set<() => void>()

  constructor(isReadable: () => boolean) {
    this.isReadable = isReadable
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** One end of a connection: unix(7), SOCK_SEQPACKET. */
export class ConnectedSocket implements OpenFile {
  readonly link = 'socket:[1]'
  readonly readiness: Readers = new Readers(() => this.#inbox.length > 0 || this.#other === null)
  readonly #fds: FdTable
  readonly #inbox: Message[] = []
  #other: ConnectedSocket | null = null

  constructor(fds: FdTable) {
    this.#fds = fds
  }

  /** Both ends. */
  static pair(fds: FdTable): [ConnectedSocket, ConnectedSocket] {
    const [one, two] = [new ConnectedSocket(fds), new ConnectedSocket(fds)]
    one.#other = two
    two.#other = one
    return [one, two]
  }

  send(bytes: Uint8Array, descriptors: readonly number[]): void {
    if (descriptors.length > mostDescriptors) {
      throw new RangeError(`a message carries at most ${mostDescriptors} descriptors`)
    }
    const files = descriptors.map((fd) => this.#fds.get(fd))
    if (this.#other === null) throw new Errno('EPIPE')
    for (const file of files) this.#fds.hold(file)
    this.#other.#inbox.push({ bytes: bytes.slice(), files })
    this.#other.readiness.tell()
  }

  receive(into: Uint8Array): Received | null {
    const message = this.#inbox.shift()
    if (message === undefined) return this.#other === null ? { length: 0, descriptors: [] } : null
    const { bytes, files } = message
    if (bytes.length > into.length) {
      for (const file of files) this.#fds.release(file)
      throw new Errno('EMSGSIZE')
    }
    into.set(bytes)
    return { length: bytes.length, descriptors: files.map((file) => this.#fds.add(file)) }
  }

  close(): void {
    for (const { files } of this.#inbox.splice(0)) for (const file of files) this.#fds.release(file)
    const other = this.#other
    this.#other = null
    if (other === null) return
    other.#other = null
    other.readiness.tell()
  }
}

/** A socket that listens at a path. */
export class ListeningSocket implements OpenFile {
  readonly link = 'socket:[2]'
  readonly readiness: Readers = new Readers(() => this.#waiting.length > 0)
  readonly #waiting: ConnectedSocket[] = []
  #isClosed = false

  /** Takes the end that is to be accepted; ECONNREFUSED if nobody listens any more. */
  connect(end: ConnectedSocket): void {
    if (this.#isClosed) throw new Errno('ECONNREFUSED')
    this.#waiting.push(end)
    this.readiness.tell()
  }

  accept(): ConnectedSocket | null {
    return this.#waiting.shift() ?? null
  }

  close(): void {
    this.#isClosed = true
    for (const end of this.#waiting.splice(0)) end.close()
  }
}
