import { VfioError } from '../base/errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'

/**
 * Throws NOT_FOUND if no host is to be seen, whose lists would all be empty: below a root that is none, and on a
 * machine or in a container without /sys. `root` is null for this machine.
 */
export function checkHost(files: HostFiles, root: string | null): void {
  if (root === null) {
    if (files.kind('/sys/bus') !== null || files.kind('/sys/kernel') !== null) return
    throw new VfioError('NOT_FOUND', '/sys is not mounted: nothing can be told of this machine', {
      path: '/sys',
      hint: 'mount -t sysfs sysfs /sys',
    })
  }
  if (files.kind('/sys') === 'directory') return
  const isThere = files.kind('/') !== null
  throw new VfioError(
    'NOT_FOUND',
    `${root} is not the root of a host: ${isThere ? 'it has no folder sys' : 'there is no such folder'}`,
    {
      path: root,
      hint: '--root takes the folder that has the host’s etc, sys and proc in it',
    },
  )
}
