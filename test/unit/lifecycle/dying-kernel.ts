import type { HostFiles, Kernel } from '../../../src/kernel/kernel.ts'

const writes: ReadonlySet<PropertyKey> = new Set([
  'write',
  'create',
  'rename',
  'unlink',
  'makeDirectory',
  'removeDirectory',
  'syncDirectory',
])

/** The error that every call fails with once the process is dead. */
export class Killed extends Error {}

/**
 * A kernel as a process sees it that is killed right after its n-th write to the host's files: nothing it does from then
 * on has any effect, except that what it held is let go. `died` says whether it came that far.
 */
export function dyingKernel(kernel: Kernel, after: number): { kernel: Kernel; died: () => boolean } {
  let left = after
  const files = new Proxy(kernel.files, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        if (left <= 0) throw new Killed()
        if (writes.has(name)) left--
        return Reflect.apply(method, target, args)
      }
    },
  }) as HostFiles
  const dying = new Proxy(kernel, {
    get(target, name) {
      if (name === 'files') return files
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { kernel: dying, died: () => left <= 0 }
}
