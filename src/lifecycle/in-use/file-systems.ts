import { nameFault } from '../../base/units.ts'
import { linkOrEmpty, listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { BlockDevice, BlockDevices } from './block-devices.ts'
import type { Mount } from './mounts.ts'

/** A file system that is mounted, and the block devices it is on. */
export interface FileSystem {
  /** 'btrfs', 'zfs'… */
  readonly type: string
  /** Names of block devices. */
  readonly members: ReadonlySet<string>
  /** Its mount points, as far as they can be seen. */
  readonly at: readonly string[]
}

/** Those of all mounts, of btrfs, bcachefs and ZFS with every member: a mount names one of several, or none. */
export function readFileSystems(files: HostFiles, block: BlockDevices, mounts: readonly Mount[]): FileSystem[] {
  const found = fromMounts(block, mounts)
  const several = [
    ...namedFolders(files, '/sys/fs/btrfs').map((path) => ({
      type: 'btrfs',
      members: listOrNone(files, `${path}/devices`),
    })),
    ...namedFolders(files, '/sys/fs/bcachefs').map((path) => ({
      type: 'bcachefs',
      members: bcachefsMembers(files, path),
    })),
    ...pools(files, block),
  ]
  for (const { type, members } of several) {
    if (members.length === 0) continue
    const of = found.filter((one) => one.type === type && members.some((name) => one.members.has(name)))
    for (const one of of) for (const name of members) one.members.add(name)
    if (of.length === 0) found.push({ type, members: new Set(members), at: [] })
  }
  return found
}

interface Found {
  readonly type: string
  readonly members: Set<string>
  readonly at: string[]
}

function fromMounts(block: BlockDevices, mounts: readonly Mount[]): Found[] {
  const found = new Map<string, Found>()
  for (const { number, type, sources, at } of mounts) {
    const one = found.get(number) ?? { type, members: new Set(), at: [] }
    found.set(number, one)
    const members = [block.numbered(number), ...sources.map((source) => block.withNode(source))]
    for (const device of members) if (device !== undefined) one.members.add(device.name)
    if (!one.at.includes(at)) one.at.push(at)
  }
  return [...found.values()].filter(({ members }) => members.size > 0)
}

/** One for each file system that is mounted, by its UUID. */
function namedFolders(files: HostFiles, path: string): string[] {
  return listOrNone(files, path)
    .filter((name) => /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(name))
    .map((name) => `${path}/${name}`)
}

function bcachefsMembers(files: HostFiles, path: string): string[] {
  return listOrNone(files, path)
    .filter((name) => /^dev-\d+$/.test(name))
    .flatMap((name) => linkOrEmpty(files, `${path}/${name}/block`).split('/').at(-1) || [])
}

/**
 * ZFS tells of its imported pools (/proc/spl/kstat/zfs) and not of their disks; udev has looked what is on each disk.
 */
function pools(files: HostFiles, block: BlockDevices): { type: string; members: string[] }[] {
  if (listOrNone(files, '/proc/spl/kstat/zfs').length === 0) return []
  const byPool = new Map<string, string[]>()
  for (const device of block.all) {
    const pool = poolOf(files, device)
    if (pool !== null) byPool.set(pool, [...(byPool.get(pool) ?? []), device.name])
  }
  return [...byPool].map(([pool, members]) => ({ type: `ZFS pool ${pool}`, members }))
}

function poolOf(files: HostFiles, { number }: BlockDevice): string | null {
  if (!/^\d+:\d+$/.test(number)) return null
  const known = readOrEmpty(files, `/run/udev/data/b${number}`)
  if (!/^E:ID_FS_TYPE=zfs_member$/m.test(known)) return null
  const pool = /^E:ID_FS_LABEL=(.+)$/m.exec(known)?.[1] ?? ''
  if (nameFault(pool) !== null || listOrNone(files, `/proc/spl/kstat/zfs/${pool}`).length === 0) return null
  return pool
}
