import { setTimeout as sleep } from 'node:timers/promises'
import { kernelAnswer, VfioError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { failedWith } from '../kernel/system-error.ts'

const patience = 10_000
const pause = 20

/**
 * Runs `work` while holding the flock(2) of a directory: no file of its own, and the kernel drops it when the process
 * dies. Waits at most ten seconds for another holder, then STORE_LOCKED.
 */
export async function withLock<T>(kernel: Kernel, directory: string, work: () => Promise<T> | T): Promise<T> {
  const fd = openDirectory(kernel, directory)
  try {
    const until = Date.now() + patience
    while (!kernel.tryLock(fd)) {
      if (Date.now() > until) {
        throw new VfioError('STORE_LOCKED', `another vfioctl has been changing ${directory} for ten seconds`, {
          path: directory,
          hint: `fuser -v ${directory}`,
        })
      }
      await sleep(pause)
    }
    return await work()
  } finally {
    kernel.close(fd)
  }
}

function openDirectory(kernel: Kernel, directory: string): number {
  try {
    return kernel.open(directory, 'r')
  } catch (cause) {
    const denied = failedWith(cause, 'EACCES', 'EPERM')
    const message = `cannot lock ${directory}: ${kernelAnswer(cause)}`
    throw new VfioError(denied ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED', message, {
      path: directory,
      cause,
      hint: denied ? 'only root may change devices: sudo vfioctl …' : `ls -ld ${directory}`,
    })
  }
}
