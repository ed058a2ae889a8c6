import { isIPv6 } from 'node:net'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** Kinds of what tells one host from others. */
export type Identity = 'UUID' | 'MAC' | 'ID' | 'IP'

/** Names that say nothing of a host. */
const commonNames = /^(localhost|localdomain|debian|ubuntu|linux|host|server|\(none\))$/

/** The names of a host, the long one first; none if it has one that many have. */
export function namesOfHost(files: HostFiles): readonly string[] {
  const name = readOrEmpty(files, '/proc/sys/kernel/hostname').trim()
  const [short = ''] = name.split('.')
  return [...new Set([name, short])].filter((it) => it.length > 2 && !commonNames.test(it))
}

/**
 * A text with each identity in it replaced, by its kind, and with the host's and users' names and serial numbers left
 * out.
 */
export function withoutIdentities(
  hostNames: readonly string[],
  text: string,
  replaced: (kind: Identity, found: string) => string,
): string {
  return hostNames
    .reduce((rest, it) => rest.replaceAll(it, 'HOST'), text)
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, (it) => replaced('UUID', it))
    .replace(/\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/gi, (it) => replaced('MAC', it))
    .replace(/\b[0-9a-f]{32}\b/gi, (it) => replaced('ID', it))
    .replace(/[0-9a-f:]{3,39}/gi, (it) => (isIPv6(it) ? replaced('IP', it) : it))
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, (it) => replaced('IP', it))
    .replace(/\/home\/[^/\s"']+/g, '/home/USER')
    .replace(/(\/dev\/disk\/by-[a-z]+\/)[^\s"']+/g, '$1REDACTED')
    .replace(/((?:serial|serial_short|_SN|UUID|LABEL)=)[^\s"']+/gi, '$1REDACTED')
}

/**
 * A text without what tells one host from another: UUIDs, MAC and IP addresses, users' folders, the host's own name and
 * long serial numbers. The same one gets the same number everywhere, so that what belongs together still does.
 */
export function redacted(files: HostFiles, text: string): string {
  const numbers = new Map<string, number>()
  return withoutIdentities(namesOfHost(files), text, (kind, found) => {
    const key = `${kind} ${found.toLowerCase()}`
    const number = numbers.get(key) ?? [...numbers.keys()].filter((it) => it.startsWith(`${kind} `)).length + 1
    numbers.set(key, number)
    return `${kind}-${number}`
  })
}
