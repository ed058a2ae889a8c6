import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Kernel } from '../src/kernel/kernel.ts'

/** Resources that this process holds, after a collection of garbage. */
export interface OpenResources {
  /** Descriptors that are open on the kernel. */
  readonly descriptors: number
  /** Bytes of V8's heap, and all that is resident: mapped memory too. */
  readonly heap: number
  readonly resident: number
}

export async function openResources({ files, pid }: Pick<Kernel, 'files' | 'pid'>): Promise<OpenResources> {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  for (let i = 0; i < 3; i++) {
    if (typeof collect === 'function') collect()
    await setImmediate()
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { descriptors: files.list(`/proc/${pid}/fd`).length, heap: heapUsed, resident: rss }
}
