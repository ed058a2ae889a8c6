import { VfioError } from '../base/errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { kindOrNone } from './sysfs/readable.ts'

const folders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'] as const

/** The absolute path of a program of the host, whatever PATH says; null if it has none of that name. */
export function programPath(files: HostFiles, name: string): string | null {
  return folders.map((folder) => `${folder}/${name}`).find((at) => kindOrNone(files, at) !== null) ?? null
}

/** The path of a program of util-linux or coreutils. NOT_SUPPORTED if it is missing. */
export function programOf(files: HostFiles, name: string): string {
  const path = programPath(files, name)
  if (path !== null) return path
  throw new VfioError(
    'NOT_SUPPORTED',
    `there is no ${name} in ${folders.join(', ')}: it is needed to drop privileges`,
    {
      hint: 'apt install util-linux; dnf install util-linux',
      facts: { program: name },
    },
  )
}
