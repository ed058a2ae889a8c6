import { programPath } from '../../host/program-path.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { pathOf } from '../files/durable-files.ts'
import { ruleFile } from './early-files.ts'
import type { EarlyDevice } from './early-rule.ts'
import { type Image, type Initramfs, imageAt, initramfsMark, madeBy, modulesOf } from './initramfs.ts'

/** Fedora's, and others'; null if it is not there. */
export function dracut(files: HostFiles, release: string, unmovable: Image | null): Initramfs | null {
  const program = programPath(files, 'dracut')
  if (program === null) return null
  const places = [`/boot/initramfs-${release}.img`, `/boot/initrd.img-${release}`, `/boot/initrd-${release}`]
  const image = unmovable ?? imageAt(files, places)
  return {
    tool: 'dracut',
    file: { folder: '/etc/dracut.conf.d', name: '90-vfioctl-early.conf' },
    content: conf,
    remakeAll: remakeAll(files, release, image),
    ...madeBy(files, image, 'lsinitrd', (path) => ({ path: program, arguments: ['--force', path, release] })),
  }
}

/**
 * The command line for all images; systemd's program knows the place of those that belong to a boot loader's entries.
 */
function remakeAll(files: HostFiles, release: string, image: Image): string {
  const installs = release !== '' && 'whyNone' in image && programPath(files, 'kernel-install') !== null
  return installs ? `kernel-install add ${release} /lib/modules/${release}/vmlinuz` : 'dracut --force --regenerate-all'
}

function conf(devices: readonly EarlyDevice[]): string {
  const modules = modulesOf(devices)
  return `${initramfsMark}
install_items+=" ${pathOf(ruleFile)} "
${modules.length === 0 ? '' : `add_drivers+=" ${modules.join(' ')} "\n`}`
}
