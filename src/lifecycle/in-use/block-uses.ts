import { counted, type PciAddress, printable } from '../../base/units.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type BlockDevice, BlockDevices, nodeOf, shownBlock } from './block-devices.ts'
import type { DeviceGraph } from './device-graph.ts'
import { type FileSystem, readFileSystems } from './file-systems.ts'
import { type Mount, mountOf, readSwaps, type Swap } from './mounts.ts'
import type { PciUse } from './pci-use.ts'

/** The uses of PCI devices' disks, through as many layers as there are. */
export class BlockUses {
  readonly #files: HostFiles
  readonly #block: BlockDevices
  readonly #mounts: readonly Mount[]
  readonly #fileSystems: readonly FileSystem[]
  readonly #swaps: readonly Swap[]
  /** Loop devices and the files behind them. */
  readonly #loops: readonly { readonly device: BlockDevice; readonly file: string }[]

  constructor(files: HostFiles, graph: DeviceGraph, mounts: readonly Mount[]) {
    this.#files = files
    this.#block = new BlockDevices(files, graph)
    this.#mounts = mounts
    this.#fileSystems = readFileSystems(files, this.#block, this.#mounts)
    this.#swaps = readSwaps(files)
    this.#loops = this.#block.all.flatMap((device) => {
      const file = readOrEmpty(files, `/sys/class/block/${device.name}/loop/backing_file`).replace(/\n$/, '')
      return file === '' ? [] : [{ device, file }]
    })
  }

  of(address: PciAddress): PciUse[] {
    const uses = this.#carriedBy(address).flatMap((device) => [
      ...this.#mountsOf(device),
      ...this.#swapsOn(device),
      ...this.#holdersOf(device),
    ])
    return uses.length > 0 ? uses : this.#claimsOn(address)
  }

  /** Nodes of the PCI device's disks, and of what is made of them. */
  nodesOf(address: PciAddress): string[] {
    return this.#carriedBy(address).map(nodeOf)
  }

  /**
   * Its disks and partitions, what is made of them, what is made of that…: each once, as layers may come back to one.
   */
  #carriedBy(address: PciAddress): BlockDevice[] {
    const carried = new Set(this.#block.of(address))
    // a set hands out what is added to it while it is gone through
    for (const device of carried) {
      const above = [
        ...this.#block.partitionsOf(device),
        ...this.#block.holdersOf(device).flatMap((name) => this.#block.named(name) ?? []),
        ...this.#loops.filter(({ file }) => this.#isOn(file, device)).map((loop) => loop.device),
      ]
      for (const each of above) carried.add(each)
    }
    return [...carried]
  }

  #isOn(file: string, device: BlockDevice): boolean {
    if (this.#block.withNode(file) === device) return true
    const mount = mountOf(this.#mounts, file)
    return this.#fileSystems.some(({ members, at }) => {
      return mount !== undefined && at.includes(mount.at) && members.has(device.name)
    })
  }

  #mountsOf(device: BlockDevice): PciUse[] {
    return this.#fileSystems
      .filter(({ members }) => members.has(device.name))
      .map((one) => ({
        what: `${shownBlock(device)} ${shownMount(one)}`,
        end: one.at[0] === undefined || one.at[0] === '/' ? null : `umount ${one.at[0]}`,
      }))
  }

  /** Claims that show in none of these ways: a pool of ZFS, a journal on a disk of its own, a target of iSCSI… */
  #claimsOn(address: PciAddress): PciUse[] {
    return this.#carriedBy(address)
      .filter((device) => device.number !== '' && this.#files.isClaimed(nodeOf(device)))
      .map((device) => ({
        what: `${shownBlock(device)} is claimed by a file system, an array or a program`,
        end: `lsblk ${nodeOf(device)}`,
      }))
  }

  #swapsOn(device: BlockDevice): PciUse[] {
    return this.#swaps
      .filter(({ path, isFile }) => (isFile ? this.#isOn(path, device) : this.#block.withNode(path) === device))
      .map(({ path, isFile }) => ({
        what: isFile
          ? `${printable(path)} on ${shownBlock(device)} is swap space`
          : `${shownBlock(device)} is swap space`,
        end: `swapoff ${path}`,
      }))
  }

  #holdersOf(device: BlockDevice): PciUse[] {
    const holders = this.#block.holdersOf(device).map((name) => {
      const mapped = this.#block.named(name)?.mapped ?? null
      return printable(mapped === null ? name : `${mapped} (${name})`)
    })
    const loops = this.#loops
      .filter((loop) => loop.device !== device && this.#isOn(loop.file, device))
      .map((loop) => `${nodeOf(loop.device)} is ${printable(loop.file)} on ${shownBlock(device)}`)
    return [
      ...(holders.length === 0 ? [] : [{ what: `${shownBlock(device)} is part of ${holders.join(', ')}`, end: null }]),
      ...loops.map((what) => ({ what, end: `losetup -d ${what.split(' ')[0]}` })),
    ]
  }
}

function shownMount({ type, members, at: [first, ...others] }: FileSystem): string {
  if (first === undefined) return `is in use by ${printable(type)}`
  const also = others.length === 0 ? '' : ` and ${counted(others.length, 'other place')}`
  const where = `${printable(first)}${also}`
  return members.size === 1
    ? `is mounted on ${where}`
    : `is one of ${counted(members.size, 'device')} of the ${printable(type)} on ${where}`
}
