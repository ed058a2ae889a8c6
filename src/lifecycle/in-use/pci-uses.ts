import { counted, type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { type DeviceUser, findDeviceUsers } from '../../host/device-users.ts'
import { pciPath } from '../../host/sriov.ts'
import { linkedName } from '../../host/sysfs/links.ts'
import { listOrNone } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { kinds } from '../kinds/kinds.ts'
import { BlockUses } from './block-uses.ts'
import { DeviceGraph } from './device-graph.ts'
import { deviceNodes } from './device-nodes.ts'
import { type Mount, readMounts } from './mounts.ts'
import { NetworkUses } from './network-uses.ts'
import { consoleUses, openedBy, type PciUse } from './pci-use.ts'
import { sharedFolderUses } from './shared-folder-uses.ts'

interface Seen {
  readonly graph: DeviceGraph
  readonly mounts: readonly Mount[]
  readonly block: BlockUses
  readonly network: NetworkUses
}

/** Virtual functions in use that are named. */
const maxFunctions = 3

/**
 * The uses of PCI devices, by what they carry and who has them open, as the host was when it was looked at: the one
 * place to ask before anything is taken from somebody. What cannot be seen is not told.
 */
export class PciUses {
  readonly #files: HostFiles
  #seen: Seen | null = null

  constructor(files: HostFiles) {
    this.#files = files
  }

  /** Looked at once, and not before it is asked for. */
  get #host() {
    if (this.#seen === null) {
      const graph = new DeviceGraph(this.#files)
      const mounts = readMounts(this.#files)
      const block = new BlockUses(this.#files, graph, mounts)
      this.#seen = { graph, mounts, block, network: new NetworkUses(this.#files, graph) }
    }
    return this.#seen
  }

  of(address: PciAddress): PciUse[] {
    return this.ofAll([address]).get(address) ?? []
  }

  /** Those of several, which looks through /proc once. */
  ofAll(addresses: readonly PciAddress[]): Map<PciAddress, PciUse[]> {
    const functions = new Map(addresses.map((address) => [address, this.#functionsOf(address)]))
    const all = [...new Set([...addresses, ...[...functions.values()].flat()])]
    const nodes = new Map(all.map((address) => [address, this.#nodesOf(address)]))
    const users = findDeviceUsers(this.#files, new Set([...nodes.values()].flat()))
    const own = new Map(all.map((address) => [address, this.#ownUses(address, nodes.get(address) ?? [], users)]))
    return new Map(
      addresses.map((address) => {
        const its = functions.get(address) ?? []
        return [address, [...(own.get(address) ?? []), ...usesByFunctions(its, own)]]
      }),
    )
  }

  #nodesOf(address: PciAddress): string[] {
    return [...new Set([...deviceNodes(this.#files, this.#host.graph, address), ...this.#host.block.nodesOf(address)])]
  }

  #ownUses(address: PciAddress, nodes: readonly string[], users: ReadonlyMap<string, readonly DeviceUser[]>): PciUse[] {
    return [
      ...this.#host.network.of(address),
      ...this.#host.block.of(address),
      ...consoleUses(
        this.#files,
        this.#host.graph.below(address, 'tty').map(({ name }) => name),
      ),
      ...sharedFolderUses(this.#files, this.#host.graph, this.#host.mounts, address),
      ...kinds.flatMap((kind) => kind.usesOf(this.#files, address)),
      ...openedBy(nodes, users, new Set(this.#host.block.nodesOf(address))),
    ]
  }

  /** They go with their physical function's driver. */
  #functionsOf(address: PciAddress): readonly PciAddress[] {
    return listOrNone(this.#files, pciPath(address))
      .filter((name) => /^virtfn\d{1,5}$/.test(name))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .flatMap((name) => pciAddressOrNull(linkedName(this.#files, `${pciPath(address)}/${name}`) ?? '') ?? [])
  }
}

function usesByFunctions(functions: readonly PciAddress[], own: ReadonlyMap<PciAddress, readonly PciUse[]>): PciUse[] {
  if (functions.length === 0) return []
  const used = functions.flatMap((address) => usesOfFunction(address, own.get(address) ?? []))
  const shown = used.slice(0, maxFunctions)
  const more = used.length - shown.length
  return [
    { what: `it has ${counted(functions.length, 'virtual function')}`, end: null },
    ...shown,
    ...(more === 0 ? [] : [{ what: `and ${more} more uses of its functions`, end: null }]),
  ]
}

/** The same, told of the function among others. */
export function usesOfFunction(address: PciAddress, uses: readonly PciUse[]): PciUse[] {
  return uses.map(({ what, ...more }) => ({ what: what.startsWith(address) ? what : `${address}: ${what}`, ...more }))
}
