import { posix } from 'node:path'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { linkOrEmpty, listOrNone } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** A device as a bus, a class or /sys/dev lists it. */
export interface SysDevice {
  /** The bus or the class ('virtio', 'net', 'block'); 'dev/char' and 'dev/block' for what has a node. */
  readonly kind: string
  /** Its name there; of what has a node, its number: '8:1'. */
  readonly name: string
  /** Its path if it is listed: a link to its folder. */
  readonly link: string
  /** Its folder, in which those of the devices below it are: '/sys/devices/…'. */
  readonly path: string
}

/**
 * Every device of the host by what it belongs to. A device's folder in sysfs is in that of its parent, so whatever a
 * PCI device carries by the driver's own account is below it: disks behind adapters and hubs, interfaces behind virtio.
 */
export class DeviceGraph {
  readonly #byKind = new Map<string, SysDevice[]>()
  readonly #byAddress = new Map<string, SysDevice[]>()

  constructor(files: HostFiles) {
    for (const bus of listOrNone(files, '/sys/bus')) this.#add(files, bus, `/sys/bus/${bus}/devices`)
    for (const name of listOrNone(files, '/sys/class')) this.#add(files, name, `/sys/class/${name}`)
    for (const kind of ['dev/char', 'dev/block']) this.#add(files, kind, `/sys/${kind}`)
  }

  ofKind(kind: string): readonly SysDevice[] {
    return this.#byKind.get(kind) ?? []
  }

  /** A PCI device and all below it, or those of one kind, sorted by name. */
  below(address: PciAddress, kind?: string): readonly SysDevice[] {
    const all = this.#byAddress.get(address) ?? []
    return kind === undefined ? all : all.filter((device) => device.kind === kind)
  }

  #add(files: HostFiles, kind: string, folder: string): void {
    for (const name of listOrNone(files, folder).sort()) {
      const link = `${folder}/${name}`
      const target = linkOrEmpty(files, link)
      if (target === '') continue
      const device = { kind, name, link, path: posix.resolve(folder, target) }
      push(this.#byKind, kind, device)
      const above = device.path.split('/').filter((part) => pciAddressOrNull(part) === part)
      for (const address of new Set(above)) push(this.#byAddress, address, device)
    }
  }
}

function push(into: Map<string, SysDevice[]>, key: string, device: SysDevice): void {
  const list = into.get(key)
  if (list === undefined) into.set(key, [device])
  else list.push(device)
}
