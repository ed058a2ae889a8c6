import { kernelRelease } from '../../host/kernel-modules.ts'
import { programPath } from '../../host/program-path.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Run } from '../change/change.ts'
import { type KeptFile, pathOf } from '../files/durable-files.ts'
import { ruleFile } from './early-files.ts'
import type { EarlyDevice } from './early-rule.ts'

/** A program that makes the initramfs, and the place where it finds what is to be in it. */
export interface Initramfs {
  readonly tool: 'initramfs-tools' | 'dracut'
  /** The file that puts the rule and the modules in. */
  readonly file: KeptFile
  readonly content: (devices: readonly EarlyDevice[]) => string
  /** Command line that makes all images anew. */
  readonly remakeAll: string
  /** The image of the kernel that runs; null if it is not where the program has it, or is not to be moved. */
  readonly image: string | null
  /** The place of the image as it was before early binding. */
  readonly copy: string | null
  readonly remake: Run | null
  /** Lists the image's files; null if no program does. */
  readonly list: Run | null
}

/** Settings of boot loaders that know an image by its blocks on the disk: once it is moved, the machine does not boot. */
const byBlocks = ['/etc/zipl.conf', '/etc/lilo.conf']

/** The program that makes this host's initramfs, with the image of the kernel that runs; null if it is none of these two. */
export function findInitramfs(files: HostFiles): Initramfs | null {
  const release = byBlocks.some((path) => files.kind(path) !== null) ? null : kernelRelease(files)
  return initramfsTools(files, release) ?? dracut(files, release)
}

/** Debian's; dracut there has an update-initramfs too, and no hook-functions. */
function initramfsTools(files: HostFiles, release: string | null): Initramfs | null {
  const update = programPath(files, 'update-initramfs')
  if (update === null || files.kind('/usr/share/initramfs-tools/hook-functions') === null) return null
  const image = release === null ? null : firstThere(files, [`/boot/initrd.img-${release}`])
  return {
    tool: 'initramfs-tools',
    file: { folder: '/etc/initramfs-tools/hooks', name: 'vfioctl-early', mode: 0o755 },
    content: hook,
    remakeAll: 'update-initramfs -u -k all',
    ...madeBy(files, image, 'lsinitramfs', { path: update, arguments: ['-u', '-k', release ?? ''] }),
  }
}

function dracut(files: HostFiles, release: string | null): Initramfs | null {
  const program = programPath(files, 'dracut')
  if (program === null) return null
  const places = [`/boot/initramfs-${release}.img`, `/boot/initrd.img-${release}`, `/boot/initrd-${release}`]
  const image = release === null ? null : firstThere(files, places)
  return {
    tool: 'dracut',
    file: { folder: '/etc/dracut.conf.d', name: '90-vfioctl-early.conf' },
    content: dracutConf,
    remakeAll: 'dracut --force --regenerate-all',
    ...madeBy(files, image, 'lsinitrd', { path: program, arguments: ['--force', image ?? '', release ?? ''] }),
  }
}

function madeBy(
  files: HostFiles,
  image: string | null,
  lister: string,
  remake: Pick<Run, 'path' | 'arguments'>,
): Pick<Initramfs, 'image' | 'copy' | 'remake' | 'list'> {
  const path = programPath(files, lister)
  if (image === null) return { image, copy: null, remake: null, list: null }
  return {
    image,
    copy: `${image}.vfioctl-old`,
    remake: { action: 'run', ...remake },
    list: path === null ? null : { action: 'run', path, arguments: [image] },
  }
}

function firstThere(files: HostFiles, paths: readonly string[]): string | null {
  return paths.find((path) => files.kind(path) !== null) ?? null
}

function modulesOf(devices: readonly EarlyDevice[]): string[] {
  return [...new Set(devices.flatMap(({ module }) => module ?? []))].sort()
}

const mark =
  '# Written by `vfioctl bind DEVICE --early`: puts its udev rule, and the modules that it loads, into the initramfs.'

/** A hook of initramfs-tools. Without the rule it does nothing: what it did before an admin took the rule away is over. */
function hook(devices: readonly EarlyDevice[]): string {
  const modules = modulesOf(devices)
  return `#!/bin/sh
${mark}
case "$1" in prereqs) echo udev; exit 0 ;; esac
. /usr/share/initramfs-tools/hook-functions
[ -e ${pathOf(ruleFile)} ] || exit 0
mkdir -p "$DESTDIR${ruleFile.folder}"
cp -p ${pathOf(ruleFile)} "$DESTDIR${ruleFile.folder}/"
${modules.length === 0 ? '' : `manual_add_modules ${modules.join(' ')}\n`}`
}

function dracutConf(devices: readonly EarlyDevice[]): string {
  const modules = modulesOf(devices)
  return `${mark}
install_items+=" ${pathOf(ruleFile)} "
${modules.length === 0 ? '' : `add_drivers+=" ${modules.join(' ')} "\n`}`
}
