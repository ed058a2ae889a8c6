import { failedWith } from '../../../base/system-error.ts'
import { unreadable, type Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/**
 * The same files, of which each that we may not read or look into is noticed in `unseen`, once: many readers pass over
 * such a file as over one that is not there. `SystemError` is thrown as before.
 */
export function noticedFiles(files: HostFiles, unseen: Map<string, Warning>): HostFiles {
  const notice = (error: unknown, path: unknown) => {
    if (typeof path !== 'string' || !failedWith(error, 'EACCES', 'EPERM')) return
    if (!unseen.has(path)) unseen.set(path, unreadable(path, error))
  }
  return new Proxy(files, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        try {
          return Reflect.apply(value, target, given)
        } catch (error) {
          notice(error, given[0])
          throw error
        }
      }
    },
  })
}
