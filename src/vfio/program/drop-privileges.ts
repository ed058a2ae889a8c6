import { VfioError } from '../../base/errors.ts'
import { type UserAccount, userAccount } from '../../host/accounts.ts'
import { programOf } from '../../host/program-path.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** The user that a program is to be, and its limit. */
export interface ProgramRights {
  /** Null for whoever we are, who is not root. */
  readonly user: UserAccount | null
  /** RLIMIT_MEMLOCK in bytes, soft and hard; null leaves it as it is. */
  readonly memlock: number | 'unlimited' | null
}

/** A program by its absolute path, as startProgram takes it. */
export interface CommandLine {
  readonly path: string
  readonly arguments: readonly string[]
}

/**
 * The command behind util-linux's setpriv(1): with the user's ids and groups alone, no capability that it has or could
 * get (bounding, inheritable and ambient sets are empty), and no privileges by exec (no_new_privs). prlimit(1) before
 * it sets the limit. NOT_SUPPORTED if one of them is missing.
 */
export function withRights(
  files: HostFiles,
  command: readonly string[],
  { user, memlock }: ProgramRights,
): CommandLine {
  const limiting = memlock === null ? [] : [programOf(files, 'prlimit'), `--memlock=${memlock}:${memlock}`]
  const [path = '', ...words] = [...limiting, programOf(files, 'setpriv'), ...dropping(user), '--', ...command]
  return { path, arguments: words }
}

function dropping(user: UserAccount | null): string[] {
  if (user === null) return ['--no-new-privs']
  return [
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--init-groups',
    '--no-new-privs',
    '--bounding-set=-all',
    '--inh-caps=-all',
  ]
}

/** Changes what the environment says of the user. */
export function environmentOf(user: UserAccount | null): Record<string, string> {
  return user === null ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name, SHELL: user.shell }
}

/**
 * The user whom a program runs as. As root there must be one, and without root it can only be oneself: INVALID_ARGUMENT
 * and PERMISSION_DENIED, or NOT_FOUND for a user who is not there.
 */
export function programUser(files: HostFiles, given: string | undefined): UserAccount | null {
  if (given === undefined) {
    if (files.uid !== 0) return null
    throw new VfioError('INVALID_ARGUMENT', 'as root, say which user the command is to run as', {
      hint: '--user $SUDO_USER, or --user root for root without capabilities',
    })
  }
  const user = userAccount(files, given)
  if (files.uid === 0) return user
  if (user.uid === files.uid) return null
  throw new VfioError('PERMISSION_DENIED', `only root can run a command as ${user.name}`, {
    hint: 'sudo vfioctl run …, or leave out --user',
    facts: { user: user.name },
  })
}
