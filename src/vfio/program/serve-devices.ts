import { dirname } from 'node:path'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'
import { type Account, account } from '../../host/accounts.ts'
import { realPlace } from '../../host/changeable-by-others.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Peer } from '../../kernel/unix-sockets.ts'
import { bestNodes, openForProgram, type PassedNodes } from './open-for-program.ts'
import { passedMessage, refusalMessage } from './passed-message.ts'

/** Devices to hand to programs that were not started for it. */
export interface ServeOptions {
  /** Path of the socket: nothing may be there, but for a socket that nobody listens to any more. */
  readonly socket: string
  /** The one user who gets them, by name or number. Needed as root; without root it is whoever we are. */
  readonly user?: string
  /** The nodes that are opened: iommufd's if the host and all the devices have them, else groups, unless told. */
  readonly nodes?: PassedNodes
  /** Ends it. */
  readonly signal?: AbortSignal
  /** Told once the socket is there, and of each who has connected. */
  readonly onServed?: (served: Served) => void
}

/** Something that happened at the socket. */
export type Served =
  | { readonly what: 'listening'; readonly socket: string; readonly user: string }
  /** A process has the descriptors. */
  | { readonly what: 'passed'; readonly pid: number; readonly uid: number }
  /** Another user, or devices that cannot be opened now, which the process was told. */
  | { readonly what: 'refused'; readonly pid: number; readonly uid: number; readonly reason: string }

/**
 * Hands the devices, opened anew each time, to whoever connects to a socket and is that user, until `signal` is
 * aborted. PERMISSION_DENIED if others could change the socket's folder, ALREADY_EXISTS for what is there already, and
 * as `account` throws.
 */
export async function serveDevices(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  { socket, nodes, signal, onServed = () => {}, ...options }: ServeOptions,
): Promise<void> {
  const user = servedUser(kernel, options.user)
  checkFolder(kernel, socket)
  const listener = listening(kernel, socket, user)
  try {
    onServed({ what: 'listening', socket, user: user.name })
    await aborted(signal, (fail) =>
      kernel.watch(listener, () => {
        try {
          const peer = kernel.sockets.accept(listener)
          if (peer !== null) onServed(serve(kernel, devices, nodes, user, peer))
        } catch (error) {
          fail(error)
        }
      }),
    )
  } finally {
    kernel.close(listener)
    kernel.files.unlink(socket)
  }
}

function serve(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  nodes: PassedNodes | undefined,
  user: Account,
  { fd, pid, uid }: Peer,
): Served {
  const refused = (reason: string): Served => ({ what: 'refused', pid, uid, reason })
  try {
    if (uid !== user.uid) return refused(`user ${uid} is not ${user.name}`)
    try {
      const { passed, descriptors, close } = openForProgram(kernel, devices, nodes ?? bestNodes(kernel, devices), 0)
      try {
        kernel.sockets.send(fd, passedMessage(passed), descriptors)
      } finally {
        close()
      }
      return { what: 'passed', pid, uid }
    } catch (error) {
      tell(kernel, fd, error)
      return refused(kernelAnswer(error))
    }
  } finally {
    kernel.close(fd)
  }
}

/** If it is gone, there is nobody to tell. */
function tell(kernel: Kernel, fd: number, error: unknown): void {
  try {
    kernel.sockets.send(fd, refusalMessage(error), [])
  } catch (failure) {
    if (!failedWith(failure, 'EPIPE', 'ECONNRESET', 'EAGAIN')) throw failure
  }
}

function servedUser({ files }: Kernel, given: string | undefined): Account {
  if (given === undefined && files.uid === 0) {
    throw new VfioError('INVALID_ARGUMENT', 'as root, say which user is to get the devices', {
      hint: '--user $SUDO_USER, or --user root',
    })
  }
  const user = account(files, given ?? String(files.uid))
  if (files.uid === 0 || files.uid === user.uid) return user
  throw new VfioError('PERMISSION_DENIED', `only root can hand devices to ${user.name}`, {
    hint: 'sudo vfioctl run …, or leave out --user',
    facts: { user: user.name },
  })
}

/**
 * Others who can change the folder could put a socket of theirs in the place of ours, or have root give away another
 * file.
 */
function checkFolder({ files }: Kernel, socket: string): void {
  const folder = dirname(socket)
  const changeable = tried(socket, () => realPlace(files, folder).changeable)
  if (changeable === null) return
  throw new VfioError('PERMISSION_DENIED', `no socket is made in ${printable(folder)}: ${printable(changeable)}`, {
    path: socket,
    hint: 'take a folder that nobody else can change, such as /run or $XDG_RUNTIME_DIR',
  })
}

function listening(kernel: Kernel, socket: string, { uid }: Account): number {
  if (kernel.files.kind(socket) === 'other' && isForsaken(kernel, socket)) kernel.files.unlink(socket)
  return tried(socket, () => kernel.sockets.listen(socket, uid))
}

/** The socket of one that was killed: nobody listens to it. */
function isForsaken(kernel: Kernel, socket: string): boolean {
  try {
    kernel.close(kernel.sockets.connect(socket))
    return false
  } catch (error) {
    return failedWith(error, 'ECONNREFUSED')
  }
}

function tried<T>(socket: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    const code = failedWith(cause, 'EADDRINUSE')
      ? 'ALREADY_EXISTS'
      : failedWith(cause, 'ENOENT', 'ENOTDIR')
        ? 'NOT_FOUND'
        : failedWith(cause, 'EACCES')
          ? 'PERMISSION_DENIED'
          : 'SYSTEM_CALL_FAILED'
    throw new VfioError(code, `cannot listen at ${printable(socket)}: ${kernelAnswer(cause)}`, { cause, path: socket })
  }
}

/** Until the signal is aborted, or the work fails. */
async function aborted(
  signal: AbortSignal | undefined,
  begin: (fail: (error: unknown) => void) => { close(): void },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const over = (settle: () => void) => {
      watch.close()
      signal?.removeEventListener('abort', onAbort)
      settle()
    }
    const onAbort = () => over(resolve)
    const watch = begin((error) => over(() => reject(error)))
    if (signal?.aborted === true) onAbort()
    else signal?.addEventListener('abort', onAbort)
  })
}
