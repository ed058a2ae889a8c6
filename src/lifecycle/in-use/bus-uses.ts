import { uuidOrNull } from '../../base/units.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, devicePath } from '../../host/bus/bus-device.ts'
import { findDeviceUsers } from '../../host/device-users.ts'
import { followLinks, linkedName } from '../../host/sysfs/links.ts'
import { listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { consoleUses, openedBy, type PciUse } from './pci-use.ts'
import { subchannelHistory } from './subchannel-history.ts'

/** Of an interface's `flags`. */
const IFF_UP = 1n

/**
 * The uses that would suffer if a driver lost a device that is not on the PCI bus. Whether a disk behind it is used is
 * not looked at: that there is one is enough to ask for force.
 */
export function busUses(files: HostFiles, device: BusDevice): PciUse[] {
  const folder = followLinks(files, devicePath(device)) ?? devicePath(device)
  const below = (kind: string) =>
    listOrNone(files, `/sys/${kind}`)
      .sort()
      .filter((name) => followLinks(files, `/sys/${kind}/${name}`)?.startsWith(`${folder}/`) === true)
  const nodes = below('dev/char').flatMap((number) => {
    const name = /^DEVNAME=(.+)$/m.exec(readOrEmpty(files, `/sys/dev/char/${number}/uevent`))?.[1]
    return name === undefined ? [] : [`/dev/${name}`]
  })
  const mediated = listOrNone(files, folder).flatMap((name) => uuidOrNull(name) ?? [])
  const isParent = device.bus === 'css' && linkedName(files, `${folder}/driver`) === busNamed('css').vfioDriver
  return [
    ...mediated.map((uuid) => ({ what: `it carries the mediated device ${uuid}`, end: `vfioctl stop ${uuid}` })),
    ...(isParent ? subchannelHistory(files, device, mediated.length > 0) : []),
    ...below('class/net')
      .filter((name) => isUp(readOrEmpty(files, `/sys/class/net/${name}/flags`)))
      .map((name) => ({ what: `network interface ${name} is up`, end: `ip link set ${name} down` })),
    ...below('class/block').map((name) => ({ what: `it carries the block device ${name}`, end: null })),
    ...consoleUses(files, below('class/tty')),
    ...openedBy(nodes, findDeviceUsers(files, new Set(nodes))),
  ]
}

function isUp(flags: string): boolean {
  return /^0x[0-9a-f]{1,8}$/.test(flags.trim()) && (BigInt(flags.trim()) & IFF_UP) !== 0n
}
