import { kernelAnswer, VfioError } from '../errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { failedWith } from '../kernel/system-error.ts'
import type { Uuid } from '../units.ts'
import { ensureDirectory } from './kept-files.ts'

/** Ours, and gone at the next boot, as the devices are. */
const folder = '/run/vfioctl/half-made'

/**
 * A mark that stands while a device's attributes are written: one that is killed in between leaves a running device that
 * looks like any other, and is not.
 */
export function markHalfMade(files: HostFiles, uuid: Uuid): void {
  try {
    for (const path of ['/run', '/run/vfioctl', folder]) ensureDirectory(files, path)
    files.create(`${folder}/${uuid}`, '')
  } catch (cause) {
    if (failedWith(cause, 'EEXIST')) return
    throw new VfioError('SYSTEM_CALL_FAILED', `cannot mark ${uuid} as being set up: ${kernelAnswer(cause)}`, {
      cause,
      path: `${folder}/${uuid}`,
      hint: `df ${folder}; ls -ld ${folder}`,
    })
  }
}

export function unmarkHalfMade(files: HostFiles, uuid: Uuid): void {
  try {
    files.unlink(`${folder}/${uuid}`)
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}

export function isHalfMade(files: HostFiles, uuid: Uuid): boolean {
  return files.kind(`${folder}/${uuid}`) !== null
}
