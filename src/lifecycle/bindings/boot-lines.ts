import { listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** Folders of modprobe's settings. */
const modprobeFolders = [
  '/etc/modprobe.d',
  '/run/modprobe.d',
  '/usr/local/lib/modprobe.d',
  '/usr/lib/modprobe.d',
  '/lib/modprobe.d',
]
const maxCharacters = 4096

/** A line of a file that has a say at boot. */
export interface BootLine {
  /** At most 4096 characters; longer ones are cut. */
  readonly text: string
  /** File and line: '/etc/modprobe.d/vfio.conf:3'. */
  readonly place: string
}

/** The lines of modprobe's settings, in its order of folders. */
export function modprobeLines(files: HostFiles): BootLine[] {
  return modprobeFolders.flatMap((folder) => confLines(files, folder))
}

/** The lines of a folder's '*.conf', by their names. None if it is not there. */
export function confLines(files: HostFiles, folder: string): BootLine[] {
  return listOrNone(files, folder)
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .flatMap((name) => linesOf(files, `${folder}/${name}`))
}

/** The lines of one file. None if it is not there, or cannot be read. */
export function linesOf(files: HostFiles, path: string): BootLine[] {
  const text = readOrEmpty(files, path)
  const lines = text === '' ? [] : text.split('\n')
  return lines.map((line, index) => ({ text: line.slice(0, maxCharacters), place: `${path}:${index + 1}` }))
}

/** The words of the kernel's command line. */
export function commandLineWords(files: HostFiles): string[] {
  return readOrEmpty(files, '/proc/cmdline').slice(0, maxCharacters).trim().split(/\s+/)
}
