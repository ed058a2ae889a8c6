import type { HostFiles } from '../kernel/kernel.ts'
import { readOrEmpty } from './sysfs/readable.ts'

/** The number of ancestors to look at: a program that was asked for stands behind a shell or two. */
const maxAncestors = 8

/** True if a process is another one itself, or began it, perhaps by a shell in between (`ppid` of /proc/PID/stat). */
export function isSelfOrAncestor(files: HostFiles, pid: number, of: number): boolean {
  let at: number | null = of
  for (let up = 0; at !== null && at > 1 && up <= maxAncestors; up++) {
    if (at === pid) return true
    at = parentOf(files, at)
  }
  return false
}

/** A command's name stands in brackets before it, and may hold some itself. Null of a process that has ended. */
function parentOf(files: HostFiles, pid: number): number | null {
  const text = readOrEmpty(files, `/proc/${pid}/stat`)
  const ppid = /^ \S (\d{1,10}) /.exec(text.slice(text.lastIndexOf(')') + 1))?.[1]
  return ppid === undefined ? null : Number(ppid)
}
