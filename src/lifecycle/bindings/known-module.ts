import { modulesFolder } from '../../host/kernel-modules.ts'
import { readOrNone } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { modprobeLines } from './boot-lines.ts'

/** Distributions have half a MiB in modules.dep, and 1 to 2 MiB in modules.alias. */
const largestFile = 8 * 2 ** 20

/**
 * True if modprobe may find a module by a name: a file of modules.dep or modules.builtin, an alias of modules.alias, or
 * a line of modprobe.d for it (modprobe(8), modules.dep(5)). True as well if /lib/modules/RELEASE does not tell.
 */
export function mayBeModule(files: HostFiles, name: string): boolean {
  const folder = modulesFolder(files)
  const linesOf = (file: string) => {
    const text = folder === null ? null : readOrNone({ read: (it) => files.read(it, largestFile) }, `${folder}/${file}`)
    return text === null ? null : text.split('\n')
  }
  const dependencies = linesOf('modules.dep')
  if (dependencies === null) return true
  const wanted = plain(name)
  const isModule = (line: string) => plain(moduleOf(line)) === wanted
  if (dependencies.some(isModule) || (linesOf('modules.builtin') ?? []).some(isModule)) return true
  const names = (line: string) => {
    const [command = '', pattern = ''] = line.trim().split(/\s+/, 2)
    return (command === 'alias' || command === 'install') && fits(plain(pattern), wanted)
  }
  return (linesOf('modules.alias') ?? []).some(names) || modprobeLines(files).some(({ text }) => names(text))
}

/** 'kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/…' → 'vfio-pci' */
function moduleOf(line: string): string {
  const [file = ''] = line.split(':', 1)
  return file.slice(file.lastIndexOf('/') + 1).replace(/\.ko(?:\.\w{1,8})?$/, '')
}

/** The kernel takes a dash for an underscore. */
function plain(name: string): string {
  return name.replaceAll('-', '_')
}

/** Of a pattern with wildcards, its beginning counts: what modprobe might take is not said to be unknown. */
function fits(pattern: string, name: string): boolean {
  const end = pattern.search(/[*?[]/)
  return end === -1 ? pattern === name : name.startsWith(pattern.slice(0, end))
}
