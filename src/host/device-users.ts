import type { Fact } from '../errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { printable } from '../units.ts'
import { type VirtualMachine, virtualMachineOf } from './virtual-machine.ts'

/** A process that holds a device open. */
export interface DeviceUser {
  readonly pid: number
  /** The command's name: /proc/PID/comm. */
  readonly command: string
  /** Its arguments: /proc/PID/cmdline, at most 64 KiB of it; none where it cannot be read, or has ended. */
  readonly commandLine: readonly string[]
  /** The virtual machine that it runs, or null. */
  readonly vm: VirtualMachine | null
}

const longestCommandLine = 64 * 1024

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
    const user = readUser(files, name)
    for (const node of held) users.set(node, [...(users.get(node) ?? []), user])
  }
  return users
}

/** Whether a process has any device open through VFIO, and not just a group: its descriptor, as /proc tells it. */
export function hasVfioDeviceOpen(files: HostFiles, pid: number): boolean {
  const fds = orElse(() => files.list(`/proc/${pid}/fd`), [])
  return fds.some((fd) => orElse(() => files.readlink(`/proc/${pid}/fd/${fd}`), '') === 'anon_inode:[vfio-device]')
}

function readUser(files: HostFiles, pid: string): DeviceUser {
  const command = orElse(() => files.read(`/proc/${pid}/comm`), '').trim()
  const text = orElse(() => files.read(`/proc/${pid}/cmdline`), '').slice(0, longestCommandLine)
  const commandLine = text === '' ? [] : text.replace(/\0$/, '').split('\0')
  return { pid: Number(pid), command, commandLine, vm: virtualMachineOf(commandLine) }
}

/** For people: 'qemu-system-x86 (pid 2841, VM web1)'. */
export function shownUsers(users: readonly DeviceUser[]): string {
  return users
    .map(({ pid, command, vm }) => {
      const guest = vm?.name ?? vm?.uuid ?? null
      return `${printable(command)} (pid ${pid}${guest === null ? '' : `, VM ${printable(guest)}`})`
    })
    .join(', ')
}

/** For an error's facts. */
export function userFacts(users: readonly DeviceUser[]): Fact {
  return users.map(({ pid, command, vm }) => ({ pid, command, vm: vm === null ? null : { ...vm } }))
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
