import type { PciAddress } from '../../base/units.ts'
import { linkOrEmpty, listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceGraph, SysDevice } from './device-graph.ts'

/** A disk, a partition of one, or what is made of them. */
export interface BlockDevice {
  /** The kernel's name, in which '!' stands for the '/' of its node. */
  readonly name: string
  /** '8:1'; '' for a path of a multipath disk, which has no node. */
  readonly number: string
  /** Its device-mapper name: 'vg-root'; null for others. */
  readonly mapped: string | null
  /** Its folder, in which those of its partitions are. */
  readonly path: string
}

/** The block devices of a host, by name, node and number. */
export class BlockDevices {
  readonly #files: HostFiles
  readonly #graph: DeviceGraph
  readonly #byName = new Map<string, BlockDevice>()
  readonly #byNode = new Map<string, BlockDevice>()
  readonly #byNumber = new Map<string, BlockDevice>()

  constructor(files: HostFiles, graph: DeviceGraph) {
    this.#files = files
    this.#graph = graph
    for (const { name, path } of graph.ofKind('block')) {
      const number = readOrEmpty(files, `${folderOf(name)}/dev`).trim()
      const mapped = name.startsWith('dm-') ? readOrEmpty(files, `${folderOf(name)}/dm/name`).trim() || null : null
      const device = { name, number, mapped, path }
      this.#byName.set(name, device)
      this.#byNode.set(nodeOf(device), device)
      if (mapped !== null) this.#byNode.set(`/dev/mapper/${mapped}`, device)
      if (number !== '') this.#byNumber.set(number, device)
    }
  }

  get all(): BlockDevice[] {
    return [...this.#byName.values()]
  }

  named(name: string): BlockDevice | undefined {
    return this.#byName.get(name)
  }

  /** By '/dev/sda1', '/dev/dm-0' or '/dev/mapper/NAME'. */
  withNode(path: string): BlockDevice | undefined {
    return this.#byNode.get(path)
  }

  numbered(number: string): BlockDevice | undefined {
    return this.#byNumber.get(number)
  }

  /** The disks and partitions of a PCI device. */
  of(address: PciAddress): BlockDevice[] {
    const own = this.#graph.below(address, 'block').flatMap(({ name }) => this.named(name) ?? [])
    return [...own, ...this.#multipathDisks(address)]
  }

  partitionsOf({ path }: BlockDevice): BlockDevice[] {
    return this.all.filter((other) => other.path.startsWith(`${path}/`))
  }

  /** Names of what the kernel made of it: device-mapper's devices (LVM, crypt, multipath), md's arrays, bcache's. */
  holdersOf({ name }: BlockDevice): string[] {
    const set =
      linkOrEmpty(this.#files, `${folderOf(name)}/bcache/set`)
        .split('/')
        .at(-1) ?? ''
    const cached = listOrNone(this.#files, `/sys/fs/bcache/${set}`)
      .filter((entry) => set !== '' && /^bdev\d+$/.test(entry))
      .flatMap((entry) => linkOrEmpty(this.#files, `/sys/fs/bcache/${set}/${entry}/dev`).split('/').at(-1) || [])
    return [...new Set([...listOrNone(this.#files, `${folderOf(name)}/holders`), ...cached])].sort()
  }

  /**
   * An NVMe disk that may have several controllers belongs to none of them: it stands at
   * nvme-subsystem/nvme-subsysN/nvme0n1, and each controller has a hidden path to it, nvme0c1n1. A kernel that shows no
   * paths leaves those of the whole subsystem.
   */
  #multipathDisks(address: PciAddress): BlockDevice[] {
    const paths = this.#graph.below(address, 'block').flatMap(({ name }) => pathOfDisk(name) ?? [])
    if (paths.length > 0) return paths.flatMap((disk) => this.#withPartitions(disk))
    const controllers = new Set(this.#graph.below(address, 'nvme').map(({ name }) => name))
    return this.#graph
      .ofKind('nvme-subsystem')
      .filter(({ link }) => listOrNone(this.#files, link).some((name) => controllers.has(name)))
      .flatMap((subsystem) => this.#inside(subsystem))
  }

  #withPartitions(name: string): BlockDevice[] {
    const disk = this.named(name)
    return disk === undefined ? [] : [disk, ...this.partitionsOf(disk)]
  }

  #inside({ path }: SysDevice): BlockDevice[] {
    return this.all.filter((other) => other.path.startsWith(`${path}/`))
  }
}

function pathOfDisk(name: string): string | null {
  const [, subsystem, namespace] = /^(nvme\d+)c\d+(n\d+)$/.exec(name) ?? []
  return subsystem === undefined ? null : `${subsystem}${namespace}`
}

function folderOf(name: string): string {
  return `/sys/class/block/${name}`
}

/** The node of a block device. */
export function nodeOf({ name }: Pick<BlockDevice, 'name'>): string {
  return `/dev/${name.replaceAll('!', '/')}`
}

/** For people: '/dev/sda1', '/dev/dm-0 (vg-root)'. */
export function shownBlock(device: BlockDevice): string {
  return device.mapped === null ? nodeOf(device) : `${nodeOf(device)} (${device.mapped})`
}
