import type { HostFiles, Kernel } from '../../../src/kernel/kernel.ts'

/** Calls of one kernel, counted. */
export interface Counted {
  readonly kernel: Kernel
  /** Runs some work. Returns how often it looked at a file in any way, and the files of sysfs that it wrote. */
  during(work: () => unknown): Promise<{ readonly looks: number; readonly written: readonly string[] }>
}

/** A kernel that counts what is asked of its files. */
export function countedKernel(kernel: Kernel): Counted {
  let looks = 0
  let written: string[] = []
  const files = new Proxy(kernel.files, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        if (name === 'write') written.push(String(args[0]))
        else looks++
        return Reflect.apply(method, target, args)
      }
    },
  }) as HostFiles
  const counted = new Proxy(kernel, {
    get(target, name) {
      if (name === 'files') return files
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    kernel: counted,
    async during(work) {
      looks = 0
      written = []
      await work()
      return { looks, written }
    },
  }
}
