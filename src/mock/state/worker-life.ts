import { closeSync, existsSync, fstatSync, openSync, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failedWith } from '../../base/system-error.ts'

/** A name no other process makes. Not secret, so not worth loading node:crypto when a command starts. */
export function newIdentity(): string {
  return `${process.pid.toString(36)}-${process.hrtime.bigint().toString(36)}-${Math.random().toString(36).slice(2, 8)}`
}

/** A descriptor that is open for as long as a Worker lives, and which file it has, so that its number may come back. */
export interface WorkerLife {
  readonly fd: number
  readonly file: string
}

/**
 * Opens a file of no name. Node closes what a Worker opened when the Worker ends, however it does; nothing else of a
 * terminated Worker tells that it is gone.
 */
export function beginWorkerLife(): WorkerLife {
  const path = join(tmpdir(), `vfioctl-mock-worker-${newIdentity()}`)
  const fd = openSync(path, 'wx', 0o600)
  unlinkSync(path)
  return { fd, file: identityOf(fstatSync(fd, { bigint: true })) }
}

/** Ends the life of a Worker that is still there. */
export function endWorkerLife({ fd }: WorkerLife): void {
  closeSync(fd)
}

/** A Worker of a process that is alive. Of another process, only as far as /proc tells. */
export function isWorkerAlive(pid: number, { fd, file }: WorkerLife): boolean {
  const isOwn = pid === process.pid
  try {
    const stat = isOwn ? fstatSync(fd, { bigint: true }) : statSync(`/proc/${pid}/fd/${fd}`, { bigint: true })
    return identityOf(stat) === file
  } catch (error) {
    const isClosed = isOwn || (failedWith(error, 'ENOENT') && existsSync('/proc/self/fd'))
    return !isClosed
  }
}

/** The times too: a file system gives out its numbers again. */
function identityOf({
  dev,
  ino,
  birthtimeNs,
  mtimeNs,
}: Record<'dev' | 'ino' | 'birthtimeNs' | 'mtimeNs', bigint>): string {
  return [dev, ino, birthtimeNs, mtimeNs].join(' ')
}
