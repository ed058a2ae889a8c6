import { loginUsers } from '../../host/accounts.ts'
import { listOrNone } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** Names that people gave on a host, by what they name. */
export type GivenNames = Readonly<Record<'guest' | 'net' | 'user', readonly string[]>>

/** Those virtual machines, and the network interfaces and the users who log in. */
export function namesGiven(files: HostFiles, guest: readonly string[]): GivenNames {
  return {
    guest,
    net: listOrNone(files, '/sys/class/net').filter((name) => name !== 'lo' && name !== 'bonding_masters'),
    user: loginUsers(files),
  }
}

/** Replaces each of the names by what it names and a number, 'guest1', wherever it stands as a word of its own. */
export function withoutGivenNames(names: GivenNames): (text: string) => string {
  const others = new Map(
    Object.entries(names).flatMap(([kind, all]) =>
      [...new Set(all)].sort().map((name, index) => [name, `${kind}${index + 1}`] as const),
    ),
  )
  if (others.size === 0) return (text) => text
  // of two that begin alike, the longer one is meant
  const words = [...others.keys()].sort((one, other) => other.length - one.length)
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'))
  const pattern = new RegExp(`(?<![\\w.-])(?:${escaped.join('|')})(?![\\w-])`, 'g')
  return (text) => text.replace(pattern, (found) => others.get(found) ?? found)
}
