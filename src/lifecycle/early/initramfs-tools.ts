import { programPath } from '../../host/program-path.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { pathOf } from '../files/durable-files.ts'
import { ruleFile } from './early-files.ts'
import type { EarlyDevice } from './early-rule.ts'
import { type Image, type Initramfs, imageAt, initramfsMark, madeBy, modulesOf } from './initramfs.ts'

/** Debian's; null if it is not there. dracut has an update-initramfs there too, and no hook-functions. */
export function initramfsTools(files: HostFiles, release: string, unmovable: Image | null): Initramfs | null {
  const update = programPath(files, 'update-initramfs')
  if (update === null || files.kind('/usr/share/initramfs-tools/hook-functions') === null) return null
  return {
    tool: 'initramfs-tools',
    file: { folder: '/etc/initramfs-tools/hooks', name: 'vfioctl-early', mode: 0o755 },
    content: hook,
    remakeAll: 'update-initramfs -u -k all',
    ...madeBy(files, unmovable ?? imageAt(files, [`/boot/initrd.img-${release}`]), 'lsinitramfs', () => {
      return { path: update, arguments: ['-u', '-k', release] }
    }),
  }
}

/** A hook. Without the rule it does nothing: what it did before an admin took the rule away is over. */
function hook(devices: readonly EarlyDevice[]): string {
  const modules = modulesOf(devices)
  return `#!/bin/sh
${initramfsMark}
case "$1" in prereqs) echo udev; exit 0 ;; esac
. /usr/share/initramfs-tools/hook-functions
[ -e ${pathOf(ruleFile)} ] || exit 0
mkdir -p "$DESTDIR${ruleFile.folder}"
cp -p ${pathOf(ruleFile)} "$DESTDIR${ruleFile.folder}/"
${modules.length === 0 ? '' : `manual_add_modules ${modules.join(' ')}\n`}`
}
