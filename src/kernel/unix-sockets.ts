import { systemError } from '../base/system-error.ts'

/** A process at the other end of a socket, as it was when it connected (SO_PEERCRED). */
export interface Peer {
  /** The descriptor that leads to it. */
  readonly fd: number
  /** Its number, as /proc on this kernel shows it; 0 for one of another PID namespace. */
  readonly pid: number
  readonly uid: number
}

/** A message, and the descriptors that came with it, which are the receiver's from then on. */
export interface Received {
  /** Bytes; 0 once the other end is closed, and nothing more comes. */
  readonly length: number
  readonly descriptors: readonly number[]
}

/**
 * Unix sockets (AF_UNIX, SOCK_SEQPACKET): a message arrives whole, with its descriptors, or not at all. No call waits:
 * who wants to wait watches the descriptor. Each is closed by the kernel's `close`. Paths of another root are refused:
 * EPERM.
 */
export interface UnixSockets {
  /**
   * A socket that listens, and its file, of mode 0600: only that user, and root, may connect. `SystemError` as bind(2)
   * has it: EADDRINUSE if there is a file.
   */
  listen(path: string, uid: number): number
  /** accept4(2): the next that has connected; null if there is none. */
  accept(fd: number): Peer | null
  /** connect(2): `SystemError` ECONNREFUSED if nobody listens any more. Returns a descriptor. */
  connect(path: string): number
  /** sendmsg(2) with SCM_RIGHTS: the other process gets descriptors of the same open files, at most 253. */
  send(fd: number, message: Uint8Array, descriptors: readonly number[]): void
  /**
   * recvmsg(2): null if nothing has come yet; EMSGSIZE for a message that is larger than `into`, which is then lost.
   */
  receive(fd: number, into: Uint8Array): Received | null
}

/** Of a kernel that is not this process's own: none can be made, or is there. */
export const noSockets: UnixSockets = {
  listen: (path) => refuse('bind', path),
  accept: () => refuse('accept4'),
  connect: (path) => refuse('connect', path),
  send: () => refuse('sendmsg'),
  receive: () => refuse('recvmsg'),
}

function refuse(call: string, path?: string): never {
  throw systemError('EPERM', call, path)
}
