import type { Fact } from '../base/errors.ts'
import { printable } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { linkOrEmpty, listOrNone, readOrEmpty } from './sysfs/readable.ts'
import { type VirtualMachine, virtualMachineOf } from './virtual-machine.ts'

/** A process that holds a device open. */
export interface DeviceUser {
  readonly pid: number
  /** The command's name: /proc/PID/comm. */
  readonly command: string
  /** Its arguments: /proc/PID/cmdline, at most 64 KiB of it; none if it cannot be read, or has ended. */
  readonly commandLine: readonly string[]
  /** The virtual machine that it runs, or null. */
  readonly vm: VirtualMachine | null
}

const longestCommandLine = 64 * 1024

/**
 * The processes that hold these devices open, by what names them: the node's path, or the device's own name (a PCI
 * address, a UUID). Looks at /proc/PID/fd of every process that we may look into (all of them for root; without root,
 * only the user's own). A process may have got its descriptor from another, or have other names for its nodes, in a
 * container: from Linux 6.18 on /proc/PID/fdinfo/FD tells which device is behind it.
 */
export function findDeviceUsers(files: HostFiles, names: ReadonlySet<string>): Map<string, DeviceUser[]> {
  const users = new Map<string, DeviceUser[]>()
  if (names.size === 0) return users
  for (const pid of listOrNone(files, '/proc')) {
    if (!/^[1-9]\d*$/.test(pid)) continue
    const held = new Set<string>()
    for (const fd of listOrNone(files, `/proc/${pid}/fd`)) {
      const target = linkOrEmpty(files, `/proc/${pid}/fd/${fd}`)
      if (names.has(target)) held.add(target)
      const device = target.includes('vfio') ? deviceBehind(files, pid, fd) : null
      if (device !== null && names.has(device)) held.add(device)
    }
    if (held.size === 0) continue
    const user = readUser(files, pid)
    for (const name of held) users.set(name, [...(users.get(name) ?? []), user])
  }
  return users
}

/** The last part of `vfio-device-syspath`: vfio_device_show_fdinfo of drivers/vfio/vfio_main.c. */
function deviceBehind(files: HostFiles, pid: string, fd: string): string | null {
  const info = readOrEmpty(files, `/proc/${pid}/fdinfo/${fd}`)
  return /^vfio-device-syspath:\s*\/sys\/\S*\/([^/\s]+)$/m.exec(info)?.[1] ?? null
}

/** True if a process has any device open through VFIO, and not just a group: its descriptor, as /proc tells it. */
export function hasVfioDeviceOpen(files: HostFiles, pid: number): boolean {
  const fds = listOrNone(files, `/proc/${pid}/fd`)
  return fds.some((fd) => linkOrEmpty(files, `/proc/${pid}/fd/${fd}`) === 'anon_inode:[vfio-device]')
}

function readUser(files: HostFiles, pid: string): DeviceUser {
  const command = readOrEmpty(files, `/proc/${pid}/comm`).trim()
  const text = readOrEmpty(files, `/proc/${pid}/cmdline`).slice(0, longestCommandLine)
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

/** Those of several names, each once. */
export function usersOfAny(users: ReadonlyMap<string, readonly DeviceUser[]>, names: readonly string[]): DeviceUser[] {
  const byPid = new Map(names.flatMap((node) => users.get(node) ?? []).map((user) => [user.pid, user]))
  return [...byPid.values()]
}
