import { isIPv6 } from 'node:net'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** Names that say nothing of a host. */
const commonNames = /^(localhost|localdomain|debian|ubuntu|linux|host|server|\(none\))$/

/**
 * A text without what tells one host from another: UUIDs, MAC and IP addresses, users' folders, the host's own name and
 * long serial numbers. The same one gets the same number everywhere, so that what belongs together still does.
 */
export function redacted(files: HostFiles, text: string): string {
  const numbers = new Map<string, number>()
  const numbered = (kind: string) => (found: string) => {
    const key = `${kind} ${found.toLowerCase()}`
    const number = numbers.get(key) ?? [...numbers.keys()].filter((it) => it.startsWith(`${kind} `)).length + 1
    numbers.set(key, number)
    return `${kind}-${number}`
  }
  const name = readOrEmpty(files, '/proc/sys/kernel/hostname').trim()
  const [short = ''] = name.split('.')
  return [name, short]
    .filter((it) => it.length > 2 && !commonNames.test(it))
    .reduce((rest, it) => rest.replaceAll(it, 'HOST'), text)
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, numbered('UUID'))
    .replace(/\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/gi, numbered('MAC'))
    .replace(/\b[0-9a-f]{32}\b/gi, numbered('ID'))
    .replace(/[0-9a-f:]{3,39}/gi, (found) => (isIPv6(found) ? numbered('IP')(found) : found))
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, numbered('IP'))
    .replace(/\/home\/[^/\s"']+/g, '/home/USER')
    .replace(/(\/dev\/disk\/by-[a-z]+\/)[^\s"']+/g, '$1REDACTED')
    .replace(/((?:serial|serial_short|_SN|UUID|LABEL)=)[^\s"']+/gi, '$1REDACTED')
}
