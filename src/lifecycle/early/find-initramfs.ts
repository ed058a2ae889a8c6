import { kernelRelease } from '../../host/kernel-modules.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { dracut } from './dracut.ts'
import type { Image, Initramfs } from './initramfs.ts'
import { initramfsTools } from './initramfs-tools.ts'
import { mkinitcpio } from './mkinitcpio.ts'

/**
 * Settings of boot loaders that know an image by its blocks on the disk: once it is moved, the machine does not boot.
 */
const byBlocks = ['/etc/zipl.conf', '/etc/lilo.conf']

/**
 * The program that makes this host's initramfs, with the image of the kernel that runs; null if it is none of these.
 */
export function findInitramfs(files: HostFiles): Initramfs | null {
  const release = kernelRelease(files) ?? ''
  const unmovable = unmovableImage(files, release)
  return (
    initramfsTools(files, release, unmovable) ??
    dracut(files, release, unmovable) ??
    mkinitcpio(files, release, unmovable)
  )
}

/** Null if the image can be moved. */
function unmovableImage(files: HostFiles, release: string): Image | null {
  if (release === '') return { whyNone: 'the kernel tells no plain version' }
  const settings = byBlocks.find((path) => files.kind(path) !== null)
  return settings === undefined ? null : { whyNone: `its boot loader has to be run after that (${settings})` }
}
