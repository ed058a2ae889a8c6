import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { PassedDescriptors } from '../iommu/passed-descriptors.ts'
import { longestMessage, readPassedMessage } from './passed-message.ts'

/** Opening a device may take it out of its sleep, and several take turns. */
const timeoutMs = 60_000

/**
 * Descriptors from `vfioctl run --socket`, which opens the devices for this call. NOT_FOUND if nobody listens there,
 * PERMISSION_DENIED for another user than the one it serves, DEVICE_BUSY if they cannot be opened, TIMED_OUT.
 */
export async function receiveDescriptors(kernel: Kernel, path: string): Promise<PassedDescriptors> {
  const fd = connected(kernel, path)
  try {
    await readable(kernel, fd, path)
    const into = new Uint8Array(longestMessage)
    const received = kernel.sockets.receive(fd, into)
    if (received === null || received.length === 0) {
      throw new VfioError('PERMISSION_DENIED', `${printable(path)} passes nothing to this user`, {
        path,
        hint: 'it serves one user alone, whom it was told, and says whom it refuses: vfioctl run --help',
      })
    }
    const { length, descriptors } = received
    try {
      return readPassedMessage(into.subarray(0, length), descriptors)
    } catch (error) {
      for (const it of descriptors) kernel.close(it)
      throw error
    }
  } finally {
    kernel.close(fd)
  }
}

function connected(kernel: Kernel, path: string): number {
  try {
    return kernel.sockets.connect(path)
  } catch (cause) {
    const isAbsent = failedWith(cause, 'ENOENT', 'ECONNREFUSED', 'ENOTDIR')
    const code = isAbsent ? 'NOT_FOUND' : failedWith(cause, 'EACCES') ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED'
    throw new VfioError(code, `cannot connect to ${printable(path)}: ${kernelAnswer(cause)}`, {
      cause,
      path,
      hint: isAbsent ? `vfioctl run DEVICE --user NAME --socket ${printable(path)}` : `ls -l ${printable(path)}`,
    })
  }
}

async function readable(kernel: Kernel, fd: number, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const over = () => {
      clearTimeout(timer)
      watch.close()
    }
    const watch = kernel.watch(fd, () => {
      over()
      resolve()
    })
    const timer = setTimeout(() => {
      over()
      reject(new VfioError('TIMED_OUT', `${printable(path)} has not answered in ${timeoutMs / 1000} s`, { path }))
    }, timeoutMs)
  })
}
