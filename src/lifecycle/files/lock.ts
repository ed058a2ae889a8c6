import { setTimeout as sleep } from 'node:timers/promises'
import { VfioError } from '../../errors.ts'
import { type DeviceUser, findDeviceUsers, shownUsers } from '../../host/device-users.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change.ts'
import { refusedByKernel } from '../refused-by-kernel.ts'

const patience = 120_000
const silence = 10_000
const longestPause = 250

/**
 * Runs `work` while holding the flock(2) of a directory: no file of its own, and the kernel drops it when the process
 * dies. Waits at most two minutes for others, who may be many or may wait for a vendor's script, then STORE_LOCKED; says
 * so after ten seconds.
 */
export async function withLock<T>(
  kernel: Kernel,
  directory: string,
  work: () => Promise<T> | T,
  options: Pick<ChangeOptions, 'said' | 'signal'>,
): Promise<T> {
  const fd = openDirectory(kernel, directory)
  try {
    await waitForLock(kernel, fd, directory, options)
    return await work()
  } finally {
    kernel.close(fd)
  }
}

/** Asks less and less often: many that wait would otherwise take the processor from the one that works. */
async function waitForLock(
  kernel: Kernel,
  fd: number,
  directory: string,
  { said, signal }: Pick<ChangeOptions, 'said' | 'signal'>,
): Promise<void> {
  const began = performance.now()
  let pause = 10
  let isTold = false
  while (!kernel.tryLock(fd)) {
    if (signal?.aborted === true) throw new VfioError('INTERRUPTED', `interrupted while another changed ${directory}`)
    const waited = performance.now() - began
    if (waited > patience) {
      const holders = othersWith(kernel, directory)
      const who = holders.length === 0 ? 'others have' : `${shownUsers(holders)} and perhaps others have`
      throw new VfioError('STORE_LOCKED', `${who} been changing ${directory} for ${patience / 1000} seconds`, {
        path: directory,
        hint: `fuser -v ${directory}`,
        facts: { holders: holders.map(({ pid, command }) => ({ pid, command })) },
      })
    }
    if (waited > silence && !isTold) {
      said?.(`waiting for others that change ${directory}`)
      isTold = true
    }
    await sleep(pause * (0.5 + Math.random()))
    pause = Math.min(pause * 1.5, longestPause)
  }
}

/** Who has the directory open, to change it or to wait for that, as we do. */
function othersWith(kernel: Kernel, directory: string): DeviceUser[] {
  const users = findDeviceUsers(kernel.files, new Set([directory])).get(directory) ?? []
  return users.filter(({ pid }) => pid !== kernel.pid)
}

function openDirectory(kernel: Kernel, directory: string): number {
  try {
    return kernel.open(directory, 'r')
  } catch (cause) {
    throw refusedByKernel(`cannot lock ${directory}`, cause, { path: directory, hint: `ls -ld ${directory}` })
  }
}
