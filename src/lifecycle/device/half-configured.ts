import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { ensureDirectory } from '../files/durable-files.ts'

/** Ours, and gone at the next boot, as the devices are. */
const folder = '/run/vfioctl/half-configured'

/**
 * A mark that stands while a device's attributes are written: one that is killed in between leaves a running device
 * that looks like any other, and is not.
 */
export function markHalfConfigured(files: HostFiles, name: string): void {
  try {
    for (const path of ['/run', '/run/vfioctl', folder]) ensureDirectory(files, path)
    files.create(`${folder}/${name}`, '')
  } catch (cause) {
    if (failedWith(cause, 'EEXIST')) return
    throw new VfioError('SYSTEM_CALL_FAILED', `cannot mark ${name} as being set up: ${kernelAnswer(cause)}`, {
      cause,
      path: `${folder}/${name}`,
      hint: `df ${folder}; ls -ld ${folder}`,
    })
  }
}

/** Takes the mark away; does nothing if there is none. */
export function unmarkHalfConfigured(files: HostFiles, name: string): void {
  try {
    files.unlink(`${folder}/${name}`)
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}

/** True if the mark stands: a device was not set up to its end. */
export function isHalfConfigured(files: HostFiles, name: string): boolean {
  return files.kind(`${folder}/${name}`) !== null
}
