import { uuidOrNull } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { readOrEmpty } from './sysfs/readable.ts'

/** The identity of the boot that runs (/proc/sys/kernel/random/boot_id); null if the kernel does not tell it. */
export function bootId(files: HostFiles): string | null {
  return uuidOrNull(readOrEmpty(files, '/proc/sys/kernel/random/boot_id').trim())
}
