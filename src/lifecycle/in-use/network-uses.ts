import { type PciAddress, printable } from '../../base/units.ts'
import { linkedName } from '../../host/sysfs/links.ts'
import { listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceGraph } from './device-graph.ts'
import type { PciUse } from './pci-use.ts'

/** IFF_UP of linux/if.h. */
const interfaceUp = 1

/** Interfaces that are up, that others stand on, or that somebody moved away. */
export class NetworkUses {
  readonly #files: HostFiles
  readonly #graph: DeviceGraph
  readonly #defaultRoutes: ReadonlySet<string>

  constructor(files: HostFiles, graph: DeviceGraph) {
    this.#files = files
    this.#graph = graph
    this.#defaultRoutes = readDefaultRoutes(files)
  }

  of(address: PciAddress): PciUse[] {
    return [
      ...this.#graph.below(address, 'net').flatMap(({ name }) => [...this.#upOf(name), ...this.#usersOf(name)]),
      ...this.#movedOf(address),
    ]
  }

  #upOf(name: string): PciUse[] {
    const flags = Number(readOrEmpty(this.#files, `/sys/class/net/${name}/flags`).trim())
    if ((flags & interfaceUp) === 0) return []
    const routed = this.#withThoseAbove(name).find((it) => this.#defaultRoutes.has(it))
    const through = routed === name ? '' : ` (by ${printable(routed ?? '')})`
    const route = routed === undefined ? '' : `, and the default route leads through it${through}`
    return [{ what: `network interface ${printable(name)} is up${route}`, end: `ip link set ${name} down` }]
  }

  /** A port of a bridge, bond or team, and what stands on it: VLANs, macvlans… */
  #usersOf(name: string): PciUse[] {
    const master = linkedName(this.#files, `/sys/class/net/${name}/master`)
    const others = this.#above(name).filter((upper) => upper !== master)
    return [
      ...(master === null
        ? []
        : [
            {
              what: `network interface ${printable(name)} is a port of ${printable(master)}`,
              end: `ip link set ${name} nomaster`,
            },
          ]),
      ...others.map((upper) => ({
        what: `network interface ${printable(upper)} is on ${printable(name)}`,
        end: `ip link delete ${upper}`,
      })),
    ]
  }

  #above(name: string): string[] {
    return listOrNone(this.#files, `/sys/class/net/${name}`).flatMap((entry) => /^upper_(.+)$/.exec(entry)?.[1] ?? [])
  }

  #withThoseAbove(name: string): string[] {
    const all = new Set([name])
    for (const each of all) for (const upper of this.#above(each)) all.add(upper)
    return [...all]
  }

  /**
   * sysfs shows interfaces of our own network namespace only: of one that was moved away, an empty net/ stays in its
   * device's folder, or one that names what is nowhere else.
   */
  #movedOf(address: PciAddress): PciUse[] {
    const parents = this.#graph.below(address).filter(({ link }) => link.startsWith('/sys/bus/'))
    return parents.flatMap(({ link, name }) => {
      if (this.#files.kind(`${link}/net`) !== 'directory') return []
      const here = listOrNone(this.#files, `${link}/net`)
      const gone = here.filter((it) => this.#files.kind(`/sys/class/net/${it}`) === null)
      if (here.length > gone.length) return []
      const which = gone.length === 0 ? 'a network interface' : `network interface ${printable(gone.join(', '))}`
      const what = `${which} of ${printable(name)} is in another network namespace`
      return [{ what, end: 'lsns -t net, then ip link set NAME netns 1 there' }]
    })
  }
}

/** Interfaces with a default route: /proc/net/route and ipv6_route. */
function readDefaultRoutes(files: HostFiles): Set<string> {
  const ipv4 = readOrEmpty(files, '/proc/net/route')
    .split('\n')
    .map((line) => line.split(/\s+/))
    .flatMap(([name = '', destination, , , , , , mask]) => (/^0+$/.test(`${destination}${mask}`) ? [name] : []))
  const ipv6 = readOrEmpty(files, '/proc/net/ipv6_route')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap((fields) => (/^0{32}$/.test(fields[0] ?? '') && fields[1] === '00' ? [fields.at(-1) ?? ''] : []))
  return new Set([...ipv4, ...ipv6].filter((name) => name !== 'lo'))
}
