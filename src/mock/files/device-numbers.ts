import type { DeviceNumber } from '../../kernel/kernel.ts'
import { below } from '../scenario/sysfs-paths.ts'
import { type Directory, link, readOnly } from './tree.ts'

/** Of the nodes that are one of a kind: the major number of misc devices, and VFIO_MINOR of linux/miscdevice.h. */
const single: Readonly<Record<string, DeviceNumber>> = {
  '/dev/vfio/vfio': { major: 10, minor: 196 },
  '/dev/iommu': { major: 10, minor: 124 },
}
/** The kernel hands them out from 511 down, to whoever asks first. */
const ofGroups = 510
const ofDevices = 511

/** The number of one of VFIO's nodes, or of iommufd's; null for any other path. */
export function deviceNumberOf(path: string): DeviceNumber | null {
  const found = single[path]
  if (found !== undefined) return found
  const [, own, minor] = /^\/dev\/vfio\/(devices\/)?(?:noiommu-)?(?:vfio)?(\d+)$/.exec(path) ?? []
  return minor === undefined ? null : { major: own === undefined ? ofGroups : ofDevices, minor: Number(minor) }
}

/** The file `dev` of what has the node, in its folder of sysfs, and its link in /sys/dev/char. */
export function addDeviceNumber(sys: Directory, node: string, folder: string): void {
  const number = deviceNumberOf(node)
  if (number === null) return
  const shown = `${number.major}:${number.minor}`
  sys.at(below(folder)).set('dev', readOnly(`${shown}\n`))
  sys.at('dev/char').set(shown, link('/sys/dev/char', folder))
}
