import { listOrNone } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** The initramfs images in /boot, and that of the kernel that runs; copies are none. */
export function initramfsImages(files: HostFiles, running: string | null): string[] {
  const found = listOrNone(files, '/boot')
    .filter((name) => /^init(?:rd|ramfs)[.-]/.test(name) && !/(?:\.vfioctl-\w+|\.bak|\.old|\.new|dpkg-bak)$/.test(name))
    .map((name) => `/boot/${name}`)
  return [...new Set([...(running === null ? [] : [running]), ...found])].sort()
}
