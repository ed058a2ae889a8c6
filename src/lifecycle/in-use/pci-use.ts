import { type DeviceUser, shownUsers } from '../../host/device-users.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** A use that would suffer if a device's driver were taken from it. */
export interface PciUse {
  /** In a few words: 'network interface eth0 is up'. */
  readonly what: string
  /** The command that ends it; null if there is none to name. */
  readonly end: string | null
  /** True of a process that has it open: the next boot ends that. One that has a disk open may need it again. */
  readonly endsAtBoot?: true
}

/** The uses as a plan has them: in words, with the commands that end them. */
export function plannedUses(uses: readonly PciUse[]): { uses: string[]; ends: string[] } {
  return { uses: uses.map(({ what }) => what), ends: [...new Set(uses.flatMap(({ end }) => end ?? []))] }
}

/** The commands that end them, for a hint. */
export function endsOf(uses: readonly PciUse[]): string {
  return someEnds(plannedUses(uses).ends)
}

/** Commands for a hint: three at most. */
export function someEnds(ends: readonly string[]): string {
  return ends.length > 3 ? `${ends.slice(0, 3).join('; ')}; …` : ends.join('; ')
}

/** The processes that have it open, by each node; by its address only if no node says so. */
export function openedBy(
  nodes: readonly string[],
  users: ReadonlyMap<string, readonly DeviceUser[]>,
  disks: ReadonlySet<string> = new Set(),
): PciUse[] {
  const byNode = nodes.flatMap((node) => (users.get(node) ?? []).map((user) => ({ user, node })))
  const seen = new Set(byNode.flatMap(({ user, node }) => (node.startsWith('/') ? [user.pid] : [])))
  return byNode
    .filter(({ user, node }) => node.startsWith('/') || !seen.has(user.pid))
    .map(({ user, node }) => ({ ...opened(user, node), ...(disks.has(node) ? {} : { endsAtBoot: true }) }))
}

/**
 * By its address it is open without a node of this host: through a descriptor that was handed over, or in a container.
 */
function opened(user: DeviceUser, node: string): PciUse {
  return { what: `${shownUsers([user])} has ${node.startsWith('/') ? node : 'it'} open`, end: null }
}

/** Those of a device's terminals ('ttyS0') on which the kernel prints: it goes on through a driver that has left. */
export function consoleUses(files: HostFiles, terminals: readonly string[]): PciUse[] {
  const active = readOrEmpty(files, '/sys/class/tty/console/active').split(/\s+/)
  return terminals
    .filter((name) => active.includes(name))
    .map((name) => ({ what: `/dev/${name} is a console of the kernel`, end: null }))
}
