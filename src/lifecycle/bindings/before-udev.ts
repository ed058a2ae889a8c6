import { printable } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type BootLine, commandLineWords, confLines, linesOf } from './boot-lines.ts'

/** A module that an initramfs loads before udev runs, and so before a rule of udev counts. */
export interface LoadBeforeUdev {
  readonly module: string
  /** File and line. */
  readonly place: string
  readonly text: string
  /** An instruction that takes it out. */
  readonly mend: string
}

const dracutFolders = ['/etc/dracut.conf.d', '/usr/lib/dracut/dracut.conf.d']
/** Of dracut, and of systemd in an initramfs. */
const parameters = ['rd.driver.pre', 'rd.modules_load', 'modules_load']

/**
 * Those modules of a PCI device that are loaded before udev runs: by dracut's force_drivers, mkinitcpio's MODULES or
 * the kernel's command line. The device's own driver then comes before a rule could name another. initramfs-tools loads
 * its list after udev's.
 */
export function loadsBeforeUdev(files: HostFiles, modules: readonly string[]): LoadBeforeUdev[] {
  const own = new Set(modules.map(withUnderscores))
  const isOwn = (name: string) => own.has(withUnderscores(name))
  const ofFile = (lines: readonly BootLine[], setting: RegExp, mend: string) =>
    lines.flatMap(({ text, place }) =>
      wordsAfter(text, setting)
        .filter(isOwn)
        .map((module) => ({ module, place, text: text.trim(), mend })),
    )
  const dracut = [linesOf(files, '/etc/dracut.conf'), ...dracutFolders.map((folder) => confLines(files, folder))].flat()
  const mkinitcpio = [...linesOf(files, '/etc/mkinitcpio.conf'), ...confLines(files, '/etc/mkinitcpio.conf.d')]
  const ofKernel = commandLineWords(files).flatMap((word): LoadBeforeUdev[] => {
    const [parameter = '', modules = ''] = word.split('=', 2)
    if (!parameters.includes(parameter)) return []
    const mend = `take it out of ${parameter}= of the kernel's command line`
    return modules
      .split(',')
      .filter(isOwn)
      .map((module) => ({ module, place: '/proc/cmdline:1', text: word, mend }))
  })
  return [
    ...ofFile(dracut, /^\s*force_drivers\+?=(.*)$/, 'take it out of force_drivers there, then dracut --force'),
    ...ofFile(mkinitcpio, /^\s*MODULES\+?=(.*)$/, 'take it out of MODULES there, then mkinitcpio -P'),
    ...ofKernel,
  ].map((one) => ({ ...one, module: printable(one.module), text: printable(one.text) }))
}

/** 'nvidia is loaded before udev runs, by FILE:1, and so has 0000:01:00.0 first' */
export function loadInWords({ module, place }: LoadBeforeUdev, address: string): string {
  return `${module} is loaded before udev runs, by ${printable(place)}, and so has ${address} first`
}

/** The kernel takes a dash for an underscore. */
function withUnderscores(name: string): string {
  return name.replaceAll('-', '_')
}

function wordsAfter(text: string, setting: RegExp): string[] {
  const value = setting.exec(text)?.[1]?.split('#')[0] ?? ''
  // mkinitcpio takes a ? behind a module that may be missing
  return value.split(/[\s"'()?]+/).filter((word) => word !== '')
}
