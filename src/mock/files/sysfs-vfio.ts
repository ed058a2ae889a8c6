import { below } from './sysfs-paths.ts'
import { type Directory, link } from './tree.ts'

/** The class vfio: one entry for each group that has a node in /dev/vfio. */
export function addVfioGroup(sys: Directory, group: number): void {
  const path = `/sys/devices/virtual/vfio/${group}`
  sys.at(below(path)).set('subsystem', link(path, '/sys/class/vfio'))
  sys.at('class/vfio').set(String(group), link('/sys/class/vfio', path))
}

/** The class vfio-dev: a folder in that of the device. It has no character device before Linux 6.6. */
export function addVfioDevice(sys: Directory, index: number, device: string): void {
  const path = `${device}/vfio-dev/vfio${index}`
  sys.at(below(path)).set('device', link(path, device)).set('subsystem', link(path, '/sys/class/vfio-dev'))
  sys.at('class/vfio-dev').set(`vfio${index}`, link('/sys/class/vfio-dev', path))
}
