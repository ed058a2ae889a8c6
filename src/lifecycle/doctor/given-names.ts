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

/**
 * Replaces each of the names by what it names and a number, 'guest1', wherever it stands as a word of its own, or as a
 * part of a unit's name: 'machine-qemu\x2d1\x2dguest1.scope'.
 */
export function withoutGivenNames(names: GivenNames): (text: string) => string {
  const others = new Map(
    Object.entries(names).flatMap(([kind, all]) =>
      [...new Set(all)].sort().map((name, index) => [name, `${kind}${index + 1}`] as const),
    ),
  )
  if (others.size === 0) return (text) => text
  const inUnits = new Map([...others, ...[...others].map(([name, other]) => [inUnit(name), other] as const)])
  const word = `(?<![\\w.-])(?:${anyOf(others)})(?![\\w-])`
  const part = `(?:(?<![\\w@:.\\\\-])|(?<=[-@:.]|\\\\x2d))(?:${anyOf(inUnits)})(?=[-@:.\\\\])(?=${restOfUnit})`
  // at once, as somebody may have called a guest 'guest1'
  const pattern = new RegExp(`${word}|${part}`, 'g')
  return (text) => text.replace(pattern, (found) => inUnits.get(found) ?? found)
}

/** The rest of the name of a systemd unit, as a pattern. */
const restOfUnit = '[\\w@:.\\\\-]*\\.(?:service|scope|slice|socket|mount|timer)\\b'

/** A name as units have it, for systemd writes its dashes so. */
function inUnit(name: string): string {
  return name.replaceAll('-', '\\x2d')
}

/** Of two that begin alike, the longer one is meant. */
function anyOf(names: ReadonlyMap<string, string>): string {
  const words = [...names.keys()].sort((one, other) => other.length - one.length)
  return words.map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|')
}
