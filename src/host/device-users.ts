import type { HostFiles } from '../kernel/kernel.ts'

/** A process that holds a device open. */
export interface DeviceUser {
  readonly pid: number
  /** The command's name: /proc/PID/comm. */
  readonly command: string
}

/**
 * Who holds these device nodes open, by node: /proc/PID/fd of every process that we may look into (all of them for
 * root; without root, only the user's own).
 */
export function findDeviceUsers(files: HostFiles, nodes: ReadonlySet<string>): Map<string, DeviceUser[]> {
  const users = new Map<string, DeviceUser[]>()
  if (nodes.size === 0) return users
  for (const name of orElse(() => files.list('/proc'), [])) {
    if (!/^[1-9]\d*$/.test(name)) continue
    const held = new Set<string>()
    for (const fd of orElse(() => files.list(`/proc/${name}/fd`), [])) {
      const target = orElse(() => files.readlink(`/proc/${name}/fd/${fd}`), '')
      if (nodes.has(target)) held.add(target)
    }
    if (held.size === 0) continue
    const user = { pid: Number(name), command: orElse(() => files.read(`/proc/${name}/comm`), '').trim() }
    for (const node of held) users.set(node, [...(users.get(node) ?? []), user])
  }
  return users
}

/** Those of several nodes, each once. */
export function usersOfAny(users: ReadonlyMap<string, readonly DeviceUser[]>, nodes: readonly string[]): DeviceUser[] {
  const byPid = new Map(nodes.flatMap((node) => users.get(node) ?? []).map((user) => [user.pid, user]))
  return [...byPid.values()]
}

/** Processes end, and others are not ours to look into: what cannot be read is passed over. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
