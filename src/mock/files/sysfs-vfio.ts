import type { Machine } from '../machine/machine.ts'
import { hasIommufd } from '../scenario/loaded-modules.ts'
import { below } from '../scenario/sysfs-paths.ts'
import { addDeviceNumber } from './device-numbers.ts'
import { type Directory, link } from './tree.ts'

/** The class vfio: one entry for each group that has a node in /dev/vfio. */
export function addVfioGroup(sys: Directory, group: string): void {
  const path = `/sys/devices/virtual/vfio/${group}`
  sys.at(below(path)).set('subsystem', link(path, '/sys/class/vfio'))
  sys.at('class/vfio').set(group, link('/sys/class/vfio', path))
  addDeviceNumber(sys, `/dev/vfio/${group}`, path)
}

/** The class vfio-dev: a folder in that of the device. With iommufd it has a character device. */
export function addVfioDevice(
  sys: Directory,
  { scenario }: Machine,
  { index, prefix = '' }: { readonly index: number; readonly prefix?: string },
  device: string,
): void {
  const name = `${prefix}vfio${index}`
  const path = `${device}/vfio-dev/${name}`
  sys.at(below(path)).set('device', link(path, device)).set('subsystem', link(path, '/sys/class/vfio-dev'))
  if (hasIommufd(scenario)) addDeviceNumber(sys, `/dev/vfio/devices/${name}`, path)
  sys.at('class/vfio-dev').set(name, link('/sys/class/vfio-dev', path))
}
