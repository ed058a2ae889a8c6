import { kernelOrder } from '../../../src/base/byte-order.ts'
import { isSystemError } from '../../../src/base/system-error.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'

/** Number of signals of an eventfd since it was read last. */
export function signals(kernel: Kernel, eventfd: number): number {
  const bytes = new Uint8Array(8)
  try {
    kernel.read(eventfd, bytes)
  } catch (error) {
    if (isSystemError(error) && error.code === 'EAGAIN') return 0
    throw error
  }
  return Number(new DataView(bytes.buffer).getBigUint64(0, kernelOrder))
}

export function signal(kernel: Kernel, eventfd: number): void {
  const one = new DataView(new ArrayBuffer(8))
  one.setBigUint64(0, 1n, kernelOrder)
  kernel.write(eventfd, new Uint8Array(one.buffer))
}
