import type { Account } from '../../../host/accounts.ts'
import { groupName } from '../../../host/accounts.ts'
import { memlockLimit } from '../../../host/memlock-limit.ts'
import { listOrNone } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { type BootLine, confLines, linesOf } from '../../bindings/boot-lines.ts'

/** The memory that programs of a user may lock, and the place that says so. */
export interface UserMemlock {
  /** In bytes; null is unlimited. */
  readonly limit: number | null
  readonly place: string
  readonly text: string
}

const mostProcesses = 4096

/**
 * The limit of a user's logins (pam_limits), or else that of a process of his that runs; null if neither is told.
 * systemd's services have one of their own.
 */
export function userMemlock(files: HostFiles, user: Account): UserMemlock | null {
  return byPam(files, user) ?? byProcess(files, user)
}

/** The last line that fits counts: one for the user before one for a group, and that before one for all. */
function byPam(files: HostFiles, { uid, name, gids }: Account): UserMemlock | null {
  const groups = new Set(gids.map((gid) => `@${groupName(files, gid)}`))
  const weightOf = (domain: string) =>
    domain === name ? 3 : groups.has(domain) ? 2 : domain === '*' && uid !== 0 ? 1 : 0
  const lines = [...linesOf(files, '/etc/security/limits.conf'), ...confLines(files, '/etc/security/limits.d')]
  let best: { readonly weight: number; readonly found: UserMemlock } | null = null
  for (const line of lines) {
    const [domain = '', type = '', item, value = ''] = line.text.trim().split(/\s+/)
    const weight = item === 'memlock' && (type === 'hard' || type === '-') ? weightOf(domain) : 0
    const found = weight === 0 ? null : pamValue(line, value)
    if (found !== null && weight >= (best?.weight ?? 0)) best = { weight, found }
  }
  return best?.found ?? null
}

function pamValue({ place, text }: BootLine, value: string): UserMemlock | null {
  if (/^(?:unlimited|infinity|-1)$/.test(value)) return { limit: null, place, text }
  return /^\d{1,15}$/.test(value) ? { limit: Number(value) * 1024, place, text } : null
}

function byProcess(files: HostFiles, { uid }: Account): UserMemlock | null {
  for (const pid of listOrNone(files, '/proc').slice(0, mostProcesses)) {
    if (!/^\d{1,10}$/.test(pid) || ownerOf(files, `/proc/${pid}`) !== uid) continue
    const limits = memlockLimit({ files }, pid)
    if (limits === null) continue
    const limit = limits.ignored ? null : limits.hardLimit
    return { limit, place: `/proc/${pid}/limits`, text: `Max locked memory ${limits.hardLimit ?? 'unlimited'}` }
  }
  return null
}

function ownerOf(files: HostFiles, path: string): number | null {
  try {
    return files.owner(path).uid
  } catch {
    // it ended meanwhile
    return null
  }
}
