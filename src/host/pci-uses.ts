import type { HostFiles } from '../kernel/kernel.ts'
import type { PciAddress } from '../units.ts'
import { findDeviceUsers, shownUsers } from './device-users.ts'
import { readMdevDevices } from './mdev-devices.ts'
import { pciDevices } from './pci-binding.ts'

/** What would suffer if a PCI device's driver were taken from it, each as a few words; nothing where nothing is known. */
export function readPciUses(files: HostFiles, address: PciAddress): string[] {
  return [
    ...networkInterfaces(files, address),
    ...blockDevices(files, address),
    ...virtualFunctions(files, address),
    ...mediatedDevices(files, address),
    ...openNodes(files, address),
  ]
}

function networkInterfaces(files: HostFiles, address: PciAddress): string[] {
  return ofClass(files, 'net', address).flatMap((name) => {
    const flags = Number(readOrEmpty(files, `/sys/class/net/${name}/flags`).trim())
    return (flags & interfaceUp) === 0 ? [] : [`network interface ${name} is up`]
  })
}

/** IFF_UP of linux/if.h. */
const interfaceUp = 1

function blockDevices(files: HostFiles, address: PciAddress): string[] {
  const mine = ofClass(files, 'block', address)
  if (mine.length === 0) return []
  const mounts = readMounts(files)
  const swaps = readOrEmpty(files, '/proc/swaps')
    .split('\n')
    .map((line) => line.split(/\s/)[0])
  return mine.flatMap((name) => {
    const number = readOrEmpty(files, `/sys/class/block/${name}/dev`).trim()
    const at = mounts.find((mount) => mount.number === number || mount.source === `/dev/${name}`)?.at
    const holders = listOrNone(files, `/sys/class/block/${name}/holders`)
    return [
      ...(at === undefined ? [] : [`/dev/${name} is mounted on ${at}`]),
      ...(swaps.includes(`/dev/${name}`) ? [`/dev/${name} is swap space`] : []),
      ...(holders.length === 0 ? [] : [`/dev/${name} is part of ${holders.join(', ')}`]),
    ]
  })
}

interface Mount {
  /** '8:1' */
  readonly number: string
  readonly source: string
  readonly at: string
}

/** proc_pid_mountinfo(5), of init where we may look: this process may see other mounts than the host. */
function readMounts(files: HostFiles): Mount[] {
  const text = readOrEmpty(files, '/proc/1/mountinfo') || readOrEmpty(files, '/proc/self/mountinfo')
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , number, , at] = before.split(' ')
    const source = after.split(' ')[1]
    return number === undefined || at === undefined || source === undefined ? [] : [{ number, source, at }]
  })
}

/** They go with their physical function's driver. */
function virtualFunctions(files: HostFiles, address: PciAddress): string[] {
  const count = listOrNone(files, `${pciDevices}/${address}`).filter((name) => /^virtfn\d+$/.test(name)).length
  return count === 0 ? [] : [`it has ${count} virtual functions`]
}

function mediatedDevices(files: HostFiles, address: PciAddress): string[] {
  const on = readMdevDevices(files).devices.filter(({ parent }) => parent === address)
  return on.length === 0 ? [] : [`mediated devices run on it: ${on.map(({ uuid }) => uuid).join(', ')}`]
}

/** Its device nodes of any kind (/sys/dev), and who has them open. */
function openNodes(files: HostFiles, address: PciAddress): string[] {
  const nodes = ['char', 'block'].flatMap((kind) =>
    listOrNone(files, `/sys/dev/${kind}`)
      .map((number) => `/sys/dev/${kind}/${number}`)
      .filter((link) => isBelow(files, link, address))
      .flatMap((link) => /^DEVNAME=(.+)$/m.exec(readOrEmpty(files, `${link}/uevent`))?.[1] ?? [])
      .map((name) => `/dev/${name}`),
  )
  return [...findDeviceUsers(files, new Set(nodes))].flatMap(([node, users]) =>
    users.map((user) => `${shownUsers([user])} has ${node} open`),
  )
}

/** The devices of a class that a PCI device, or what its driver made of it, is. */
function ofClass(files: HostFiles, name: 'net' | 'block', address: PciAddress): string[] {
  return listOrNone(files, `/sys/class/${name}`)
    .filter((entry) => isBelow(files, `/sys/class/${name}/${entry}`, address))
    .sort()
}

function isBelow(files: HostFiles, link: string, address: PciAddress): boolean {
  try {
    return files.readlink(link).split('/').includes(address)
  } catch {
    return false
  }
}

/** What is not there, or not ours to look into, tells nothing. */
function listOrNone(files: HostFiles, path: string): string[] {
  try {
    return files.list(path)
  } catch {
    return []
  }
}

function readOrEmpty(files: HostFiles, path: string): string {
  try {
    return files.read(path)
  } catch {
    return ''
  }
}
