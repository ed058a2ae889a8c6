import { VfioError } from '../base/errors.ts'
import { printable } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { readOrNull } from './sysfs/readable.ts'

const databases = { user: '/etc/passwd', group: '/etc/group' } as const

/**
 * The number of a user or group of the host, by its name in /etc/passwd or /etc/group, or that number itself. NOT_FOUND
 * for a name that is not there: what another database brings (LDAP) can be given as a number.
 */
export function accountId(files: HostFiles, kind: 'user' | 'group', name: string): number {
  const path = databases[kind]
  if (/^\d{1,10}$/.test(name)) {
    // 2^32-1 is chown's "leave it"
    if (Number(name) < 0xffff_ffff) return Number(name)
  } else {
    const id = records(files, path).find(([its]) => its === name)?.[2] ?? ''
    if (/^\d{1,10}$/.test(id)) return Number(id)
  }
  throw new VfioError('NOT_FOUND', `there is no ${kind} ${printable(name)} in ${path}`, {
    path,
    hint: `getent ${kind === 'user' ? 'passwd' : 'group'} ${printable(name)} shows its number, which will do too`,
    facts: { [kind]: name },
  })
}

function records(files: HostFiles, path: string): string[][] {
  const lines = readOrNull(files, path)?.split('\n') ?? []
  return lines.map((line) => line.split(':'))
}
