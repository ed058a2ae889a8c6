import { posix } from 'node:path'
import type { UnixSockets } from '../../kernel/unix-sockets.ts'
import { Errno, systemCall } from '../base/errno.ts'
import type { OpenFile } from '../descriptors/open-file.ts'
import { ConnectedSocket, ListeningSocket } from '../descriptors/unix-socket.ts'
import type { MockFiles } from '../files/mock-files.ts'
import type { Machine } from '../machine/machine.ts'

/** Sockets that lead from this process to itself: no other one has descriptors of this kernel. */
export function mockSockets({ fds, sockets }: Machine, files: MockFiles): UnixSockets {
  const placeOf = (path: string) => {
    const folder = files.find(posix.dirname(path))
    if (folder.node.kind !== 'directory') throw new Errno('ENOTDIR')
    return posix.join(folder.path, posix.basename(path))
  }
  return {
    listen: (path) =>
      systemCall('bind', path, () => {
        const place = placeOf(path)
        if (files.kind(path) !== null) throw new Errno('EADDRINUSE')
        const socket = new ListeningSocket()
        sockets.set(place, socket)
        return fds.add(socket)
      }),
    accept: (fd) =>
      systemCall('accept4', undefined, () => {
        const end = socketOf(fds.get(fd), ListeningSocket).accept()
        return end === null ? null : { fd: fds.add(end), pid: process.pid, uid: files.uid }
      }),
    connect: (path) =>
      systemCall('connect', path, () => {
        const socket = sockets.get(placeOf(path))
        if (socket === undefined) throw new Errno(files.kind(path) === null ? 'ENOENT' : 'ECONNREFUSED')
        const [mine, theirs] = ConnectedSocket.pair(fds)
        socket.connect(theirs)
        return fds.add(mine)
      }),
    send: (fd, message, descriptors) =>
      systemCall('sendmsg', undefined, () => socketOf(fds.get(fd), ConnectedSocket).send(message, descriptors)),
    receive: (fd, into) => systemCall('recvmsg', undefined, () => socketOf(fds.get(fd), ConnectedSocket).receive(into)),
  }
}

function socketOf<T extends OpenFile>(file: OpenFile, kind: abstract new (...args: never[]) => T): T {
  if (file instanceof kind) return file
  throw new Errno('ENOTSOCK')
}
