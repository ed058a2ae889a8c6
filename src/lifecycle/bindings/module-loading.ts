import { printable } from '../../base/units.ts'
import type { Bus } from '../../host/bus/bus.ts'
import { linkedName } from '../../host/sysfs/links.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type BootLine, commandLineWords, confLines, linesOf, modprobeLines } from './boot-lines.ts'

/** Modules that initramfs-tools puts into the initramfs, one a line with its parameters. */
export const initramfsTools = '/etc/initramfs-tools/modules'
const dracutFolders = ['/etc/dracut.conf.d', '/usr/lib/dracut/dracut.conf.d']

/** A file's line that decides when or whether the module of a driver is loaded. */
export interface LoadingLine {
  /** File and line. */
  readonly place: string
  /** The command to run once that line is changed; null for none. */
  readonly after: string | null
}

/**
 * The settings that load a driver's module before that of other drivers: a softdep, or a file that puts it into the
 * initramfs. What the initramfs really holds is not read.
 */
export function earlyLoads(files: HostFiles, bus: Bus, driver: string): LoadingLine[] {
  const names = isModuleOf(files, bus, driver)
  const softdeps = modprobeLines(files).filter(({ text }) => {
    const [command, , ...words] = wordsOf(text)
    const post = words.indexOf('post:')
    const early = words.slice(words.indexOf('pre:') + 1, post < words.indexOf('pre:') ? words.length : post)
    return command === 'softdep' && words.includes('pre:') && early.some(names)
  })
  const ofInitramfs = linesOf(files, initramfsTools).filter(({ text }) => names(wordsOf(text)[0] ?? ''))
  const ofDracut = ['/etc/dracut.conf']
    .flatMap((path) => linesOf(files, path))
    .concat(dracutFolders.flatMap((folder) => confLines(files, folder)))
    .filter(({ text }) => {
      const [setting = '', value = ''] = text.split('=', 2)
      return (
        /^\s*(?:add_drivers|force_drivers)\+?$/.test(setting) && wordsOf(value.replaceAll(/["']/g, ' ')).some(names)
      )
    })
  return [
    ...placed(softdeps, null),
    ...placed(ofInitramfs, 'update-initramfs -u'),
    ...placed(ofDracut, 'dracut --force'),
  ]
}

/**
 * The driver that keeps a device is loaded by its name: then only these keep it away. One that is to come by itself:
 * all.
 */
export type Loading = 'by name' | 'by itself'

/** A line of a file that keeps a driver's module from being loaded at the next boot. */
interface Blocking {
  /** File and line. */
  readonly place: string
  readonly text: string
  /** An instruction that takes it out. */
  readonly mend: string
}

/** All that keeps a driver's module from being loaded at the next boot. One that is built in heeds none. */
export function notLoaded(files: HostFiles, bus: Bus, driver: string, loading: Loading): Blocking[] {
  const names = isModuleOf(files, bus, driver)
  const ofModprobe = modprobeLines(files).flatMap(({ text, place }): Blocking[] => {
    const [command, module = '', program = ''] = wordsOf(text)
    const isKept =
      (command === 'blacklist' && loading === 'by itself') ||
      (command === 'install' && /^(?:.*\/)?(?:false|true)$/.test(program))
    return isKept && names(module) ? [{ place, text, mend: `take its ${command} line out there` }] : []
  })
  const parameters = loading === 'by itself' ? ['module_blacklist', 'modprobe.blacklist'] : ['module_blacklist']
  const ofKernel = commandLineWords(files).flatMap((word): Blocking[] => {
    const [parameter = '', modules = ''] = word.split('=', 2)
    if (!parameters.includes(parameter) || !modules.split(',').some(names)) return []
    return [{ place: '/proc/cmdline:1', text: word, mend: `take it out of ${parameter}= of the kernel's command line` }]
  })
  return [...ofModprobe, ...ofKernel]
}

/** The same, a line for each. */
export function notLoadedLines(files: HostFiles, bus: Bus, driver: string, loading: Loading): string[] {
  return notLoaded(files, bus, driver, loading).map(
    ({ place, mend }) => `at the next boot ${driver} may not be loaded, by ${place}: ${mend}, unless it is built in`,
  )
}

/** The kernel takes a dash for an underscore; a driver's module may have another name than it has. */
function isModuleOf(files: HostFiles, { drivers }: Bus, driver: string): (name: string) => boolean {
  const plain = (name: string) => name.replaceAll('-', '_')
  const module = plain(linkedName(files, `${drivers}/${driver}/module`) ?? driver)
  return (name) => plain(name) === module
}

function wordsOf(text: string): string[] {
  return text.trim().split(/\s+/)
}

function placed(lines: readonly BootLine[], after: string | null): LoadingLine[] {
  return lines.map(({ place }) => ({ place: printable(place), after }))
}
