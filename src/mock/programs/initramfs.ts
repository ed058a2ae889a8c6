import { failedWith } from '../../base/system-error.ts'
import type { HostFiles, ProgramEnd, ProgramRun } from '../../kernel/kernel.ts'

/**
 * The programs of Debian and Arch around the initramfs, as far as they are asked for: an image is the list of its
 * files. A disk has them by these paths.
 */
type Program = (files: HostFiles, words: readonly string[]) => ProgramEnd

const rules = '/etc/udev/rules.d'
const hooks = '/etc/initramfs-tools/hooks'
const dropIns = '/etc/mkinitcpio.conf.d'

const programs: Readonly<Record<string, Program>> = {
  '/usr/sbin/update-initramfs': updateInitramfs,
  '/usr/bin/lsinitramfs': (files, [image = '']) => ended(0, files.read(image)),
  '/usr/bin/mkinitcpio': mkinitcpio,
  '/usr/bin/lsinitcpio': (files, [image = '']) => ended(0, files.read(image)),
  '/usr/bin/cp': copy,
  '/usr/bin/stat': stat,
}

/** True if the program at that path is simulated here. */
export function isInitramfsProgram(path: string): boolean {
  return Object.hasOwn(programs, path)
}

/** Runs one of them. */
export function initramfsProgram(files: HostFiles, path: string, { arguments: words }: ProgramRun): ProgramEnd {
  return programs[path]?.(files, words) ?? ended(127, '')
}

/** `-u -k VERSION`: all rules of an admin, and what the hooks put in with manual_add_modules. */
function updateInitramfs(files: HostFiles, [update, option, version]: readonly string[]): ProgramEnd {
  if (update !== '-u' || option !== '-k') return ended(2, '', 'Usage: update-initramfs {-c|-d|-u} [-k version]\n')
  const image = `/boot/initrd.img-${version}`
  const named = listed(files, rules)
    .filter((name) => name.endsWith('.rules'))
    .map((name) => `usr/lib/udev/rules.d/${name}`)
  const modules = listed(files, hooks).flatMap((name) => {
    const words = /^manual_add_modules (.*)$/m.exec(files.read(`${hooks}/${name}`))?.[1]?.split(' ') ?? []
    return words.map((module) => `usr/lib/modules/${version}/kernel/${module}.ko.xz`)
  })
  replace(files, image, ['usr/lib/systemd/systemd-udevd', ...named, ...modules, ''].join('\n'))
  return ended(0, `update-initramfs: Generating ${image}\n`)
}

/** `-k VERSION -g IMAGE`: what the drop-ins name in FILES and MODULES, where a module with ? may be missing. */
function mkinitcpio(files: HostFiles, [kernel, version, generate, image = '']: readonly string[]): ProgramEnd {
  if (kernel !== '-k' || generate !== '-g') return ended(1, '', '==> ERROR: only -k VERSION -g IMAGE is simulated\n')
  const text = listed(files, dropIns)
    .filter((name) => name.endsWith('.conf'))
    .map((name) => files.read(`${dropIns}/${name}`))
  const named = (array: string) =>
    [...text.join('\n').matchAll(new RegExp(`^${array}\\+=\\((.*)\\)$`, 'gm'))].flatMap(
      ([, words = '']) => words.match(/[^\s']+/g) ?? [],
    )
  const missing = named('FILES').find((path) => files.kind(path) === null)
  if (missing !== undefined) return ended(1, '', `==> ERROR: file not found: '${missing}'\n`)
  const modules = named('MODULES').map(
    (module) => `usr/lib/modules/${version}/kernel/${module.replace('?', '')}.ko.zst`,
  )
  const own = named('FILES').map((path) => path.slice(1))
  replace(files, image, ['usr/lib/systemd/systemd-udevd', ...own, ...modules, ''].join('\n'))
  return ended(0, `==> Creating zstd-compressed initcpio image: '${image}'\n`)
}

function copy(files: HostFiles, words: readonly string[]): ProgramEnd {
  const [from = '', to = ''] = words.slice(words.indexOf('--') + 1)
  replace(files, to, files.read(from))
  return ended(0, '')
}

/** Of a file its size in bytes; of its file system, 1 GiB that is free, in blocks of 4096 bytes. */
function stat(files: HostFiles, words: readonly string[]): ProgramEnd {
  const path = words.at(-1) ?? ''
  if (words[0] === '-f') return ended(0, '262144 4096\n')
  return ended(0, `${Buffer.byteLength(files.read(path))}\n`)
}

function listed(files: HostFiles, folder: string): string[] {
  try {
    return files.list(folder).sort()
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return []
    throw error
  }
}

function replace(files: HostFiles, path: string, text: string): void {
  if (files.kind(path) !== null) files.unlink(path)
  files.create(path, text)
}

function ended(status: number, stdout: string, stderr: string = ''): ProgramEnd {
  return { status, timedOut: false, stdout, stderr }
}
