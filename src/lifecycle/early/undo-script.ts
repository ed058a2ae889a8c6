import { type KeptFile, pathOf } from '../files/durable-files.ts'
import { undoPath } from './early-files.ts'
import type { Initramfs } from './initramfs.ts'

/**
 * The script that takes early binding back without vfioctl: the files, then the initramfs, made anew or, if that fails, as
 * it was before. The drivers stay kept, for `vfioctl restore`.
 */
export function undoScript(files: readonly KeptFile[], initramfs: Initramfs | null): string {
  const { image = null, copy = null, remakeAll = null } = initramfs ?? {}
  const old = image === null || copy === null ? '' : ` || mv -f ${copy} ${image}`
  return `#!/bin/sh
# Written by \`vfioctl bind DEVICE --early\`: takes early binding back without vfioctl, as from a rescue system:
#   chroot /mnt sh ${undoPath}
rm -f ${files.map(pathOf).join(' ')}
${remakeAll === null ? '' : `${remakeAll}${old}\n`}`
}
