import { lstatSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Lets Node keep compiled code (Node 22.1 and later) in a folder of this user's own: what is loaded from there runs, so
 * it must not be possible for another user to put something in. If that cannot be had, all works without.
 */
export function enableCompileCache(env: Readonly<Record<string, string | undefined>>): void {
  const nodeModule = process.getBuiltinModule('node:module')
  const enable: unknown = 'enableCompileCache' in nodeModule ? nodeModule.enableCompileCache : undefined
  if (typeof enable !== 'function') return
  const base = env['XDG_CACHE_HOME'] ?? (env['HOME'] === undefined ? '' : join(env['HOME'], '.cache'))
  if (!base.startsWith('/')) return
  const folder = join(base, 'vfioctl/compiled')
  try {
    const there = nearestThere(folder)
    // As root in another user's home, nothing is made.
    if (!isOurs(there)) return
    if (there !== folder) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      if (!isOurs(folder)) return
    }
    enable(folder)
  } catch {
    // A home that cannot be written, or none: without.
  }
}

function nearestThere(folder: string): string {
  return lstatSync(folder, { throwIfNoEntry: false }) === undefined ? nearestThere(dirname(folder)) : folder
}

/** True if this user or root owns the folder and all above it, and nobody else may write or rename there. */
function isOurs(folder: string): boolean {
  const uid = process.geteuid?.()
  for (let at = folder; ; at = dirname(at)) {
    const state = lstatSync(at, { throwIfNoEntry: false })
    if (state === undefined || !state.isDirectory()) return false
    if (state.uid !== uid && state.uid !== 0) return false
    const sticky = (state.mode & 0o1000) !== 0 && at !== folder
    if ((state.mode & 0o022) !== 0 && !sticky) return false
    if (at === dirname(at)) return true
  }
}
