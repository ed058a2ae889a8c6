import { Errno } from '../base/errno.ts'
import type { Process } from './process-holdings.ts'

/** flock(2) LOCK_EX|LOCK_NB: false where another descriptor, here or in another process, has the file. */
export function tryLock({ fds, holdings }: Process, fd: number): boolean {
  const { lockPath } = fds.get(fd)
  if (lockPath === undefined || holdings.locks.has(fd)) return true
  holdings.locks.set(fd, lockPath)
  try {
    holdings.publish((draft) => {
      const isTaken = draft.processes.some(({ locks }) => locks.some(([, path]) => path === lockPath))
      if (isTaken) throw new Errno('EAGAIN')
    })
    return true
  } catch (error) {
    holdings.locks.delete(fd)
    if (error instanceof Errno) return false
    throw error
  }
}
