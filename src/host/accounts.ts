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

/** A user of the host, and the groups whose rights he has. */
export interface Account {
  readonly uid: number
  /** By /etc/passwd; the number as text if it is not there. */
  readonly name: string
  readonly gids: readonly number[]
}

/** A user by his name or number, with his groups of /etc/passwd and /etc/group. Throws as `accountId` does. */
export function account(files: HostFiles, user: string): Account {
  const uid = accountId(files, 'user', user)
  const [name = String(uid), , , gid = ''] =
    records(files, databases.user).find(([its, , number]) => its === user || number === String(uid)) ?? []
  const others = records(files, databases.group).filter(([, , , members = '']) => members.split(',').includes(name))
  const gids = [gid, ...others.map(([, , number = '']) => number)].filter((number) => /^\d{1,10}$/.test(number))
  return { uid, name: printable(name), gids: gids.map(Number) }
}

/** The name of a group by its number; that number if /etc/group has none. */
export function groupName(files: HostFiles, gid: number): string {
  return printable(records(files, databases.group).find(([, , number]) => number === String(gid))?.[0] ?? String(gid))
}

/** The names of users who are no service's: their numbers begin at 1000. */
export function loginUsers(files: HostFiles): string[] {
  return records(files, databases.user).flatMap(([name = '', , uid]) => {
    return name !== '' && isId(uid) && Number(uid) >= 1000 && Number(uid) < 60_000 ? [name] : []
  })
}

/** A user who can be changed to, as /etc/passwd has them. */
export interface UserAccount {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
  readonly shell: string
}

/** A user by name or number, of /etc/passwd alone. NOT_FOUND if they are not there. */
export function userAccount(files: HostFiles, given: string): UserAccount {
  const path = databases.user
  const uid = accountId(files, 'user', given)
  const its = records(files, path).filter((record) => isId(record[2]) && Number(record[2]) === uid && isId(record[3]))
  const [name, , , gid, , home, shell] = its.find(([itsName]) => itsName === given) ?? its[0] ?? []
  if (name !== undefined) return { name, uid, gid: Number(gid), home: home || '/', shell: shell || '/bin/sh' }
  throw new VfioError('NOT_FOUND', `user ${printable(given)} is not in ${path}, so their group is not known`, {
    path,
    hint: 'getent passwd shows the users',
    facts: { user: given },
  })
}

function isId(text: string | undefined): boolean {
  return text !== undefined && /^\d{1,10}$/.test(text)
}

function records(files: HostFiles, path: string): string[][] {
  const lines = readOrNull(files, path)?.split('\n') ?? []
  return lines.map((line) => line.split(':'))
}
