import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { type DeviceUser, findDeviceUsers, shownUsers } from '../../host/device-users.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'
import { ensureDirectory } from './durable-files.ts'

const lockTimeout = 120_000
const noticeAfter = 10_000
const longestPause = 250

/** Ours, and gone at the next boot. */
const folder = '/run/vfioctl/locks'

/**
 * Runs `work` while holding the lock of a directory that it changes: flock(2) on a file of ours, as the directory
 * itself could be locked by whoever may read it. The kernel drops it when the process dies; the file stays. Waits at
 * most two minutes for others, who may be many or may wait for a vendor's script, then STORE_LOCKED; says so after ten
 * seconds.
 */
export async function withLock<T>(
  kernel: Kernel,
  directory: string,
  work: () => Promise<T> | T,
  options: Pick<ChangeOptions, 'onMessage' | 'signal'>,
): Promise<T> {
  const fd = openLock(kernel, directory)
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
  { onMessage: said, signal }: Pick<ChangeOptions, 'onMessage' | 'signal'>,
): Promise<void> {
  if (kernel.tryLock(fd)) return
  // Loaded only to wait: all of Node's streams come with it.
  const { setTimeout: sleep } = await import('node:timers/promises')
  const began = performance.now()
  let pause = 10
  let isTold = false
  do {
    if (signal?.aborted === true) throw new VfioError('INTERRUPTED', `interrupted while another changed ${directory}`)
    const waited = performance.now() - began
    if (waited > lockTimeout) {
      const path = lockPath(directory)
      const holders = othersWith(kernel, path)
      const who = holders.length === 0 ? 'others have' : `${shownUsers(holders)} and perhaps others have`
      throw new VfioError('STORE_LOCKED', `${who} been changing ${directory} for ${lockTimeout / 1000} seconds`, {
        path,
        hint: `fuser -v ${path}`,
        facts: { holders: holders.map(({ pid, command }) => ({ pid, command })) },
      })
    }
    if (waited > noticeAfter && !isTold) {
      said?.(`waiting for others that change ${directory}`)
      isTold = true
    }
    await sleep(pause * (0.5 + Math.random()))
    pause = Math.min(pause * 1.5, longestPause)
  } while (!kernel.tryLock(fd))
}

/** Other processes that have the lock's file open, to change the directory or to wait for that, as we do. */
function othersWith(kernel: Kernel, path: string): DeviceUser[] {
  const users = findDeviceUsers(kernel.files, new Set([path])).get(path) ?? []
  return users.filter(({ pid }) => pid !== kernel.pid)
}

function lockPath(directory: string): string {
  return `${folder}/${directory.slice(1).replaceAll('/', '-')}`
}

/** Only root can open it. */
function openLock(kernel: Kernel, directory: string): number {
  const { files } = kernel
  const path = lockPath(directory)
  for (const above of ['/run', '/run/vfioctl', folder]) ensureDirectory(files, above)
  try {
    if (files.kind(path) === null) makeLock(files, path)
    return kernel.open(path, 'rw')
  } catch (cause) {
    throw refusedByKernel(`cannot lock ${directory}`, cause, { path, hint: `ls -ld ${path}` })
  }
}

function makeLock(files: HostFiles, path: string): void {
  try {
    files.create(path, '', 0o600)
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw error
  }
}
