import type { HostFiles, Kernel } from '../kernel/kernel.ts'
import { followLinks } from './sysfs/links.ts'

/** A file that VFIO or iommufd opens, as a descriptor tells it. */
export type PassedFile =
  | { readonly kind: 'container' | 'iommufd' }
  | { readonly kind: 'group'; readonly group: number; readonly noiommu: boolean }
  /** The device's own node; `name` is its name on its bus. */
  | { readonly kind: 'device'; readonly name: string; readonly noiommu: boolean }

/**
 * Tells by its device number what a descriptor is that somebody else opened; null if it is nothing of VFIO's or
 * iommufd's. The name by which it was opened says nothing: /sys/dev/char/MAJOR:MINOR has the driver's own.
 * `SystemError` EBADF if it is not open.
 */
export function identifyPassed(
  kernel: Pick<Kernel, 'deviceNumber'> & { readonly files: HostFiles },
  fd: number,
): PassedFile | null {
  const number = kernel.deviceNumber(fd)
  if (number === null) return null
  const path = followLinks(kernel.files, `/sys/dev/char/${number.major}:${number.minor}`)
  if (path === null) return null
  if (path === '/sys/devices/virtual/misc/vfio') return { kind: 'container' }
  if (path === '/sys/devices/virtual/misc/iommu') return { kind: 'iommufd' }
  const [, noiommu, group] = /^\/sys\/devices\/virtual\/vfio\/(noiommu-)?(\d{1,9})$/.exec(path) ?? []
  if (group !== undefined) return { kind: 'group', group: Number(group), noiommu: noiommu !== undefined }
  const [, name, made] = /^\/sys\/devices\/.+\/([^/]+)\/vfio-dev\/(noiommu-)?vfio\d{1,9}$/.exec(path) ?? []
  return name === undefined ? null : { kind: 'device', name, noiommu: made !== undefined }
}
