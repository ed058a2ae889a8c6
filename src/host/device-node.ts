import type { HostFiles } from '../kernel/kernel.ts'
import { buses } from './bus/bus.ts'
import { kindOrNone, listOrNone } from './sysfs/readable.ts'

/** A device as its IOMMU group knows it. */
export interface DeviceAddress {
  /** The number of the device's IOMMU group; null if it has none, as without an IOMMU and without group nodes. */
  readonly group: number | null
  /** Its name there: a PCI address in its long form, an mdev's UUID, or a name on another bus. */
  readonly name: string
}

/** A device's own node, by which iommufd takes it (kernels from 6.6 on, CONFIG_VFIO_DEVICE_CDEV). */
export interface DeviceNode {
  readonly path: string
  /** There is no IOMMU behind the device. */
  readonly noiommu: boolean
}

const nodes = '/dev/vfio/devices'

/** Found through the device's vfio-dev/ in sysfs; null if there is none, or if udev made no node of it. */
export function findDeviceNode(files: HostFiles, { group, name }: DeviceAddress): DeviceNode | null {
  // asked of each device of a long list
  if (kindOrNone(files, nodes) === null) return null
  const folders = [
    ...(group === null ? [] : [`/sys/kernel/iommu_groups/${group}/devices/${name}`]),
    ...buses.filter(({ opens }) => opens === 'device').map(({ devices }) => `${devices}/${name}`),
  ]
  for (const folder of folders) {
    const entry = listOrNone(files, `${folder}/vfio-dev`).find((it) => /^(noiommu-)?vfio\d{1,9}$/.test(it))
    if (entry === undefined) continue
    const path = `${nodes}/${entry}`
    return kindOrNone(files, path) === 'device' ? { path, noiommu: entry.startsWith('noiommu-') } : null
  }
  return null
}

/** The host has device nodes for devices without an IOMMU. */
export function hasNoiommuNodes(files: HostFiles): boolean {
  return listOrNone(files, nodes).some((it) => it.startsWith('noiommu-'))
}

/** The group's devices have no IOMMU: the kernel made the group up for them. */
export function isNoiommuGroup(files: HostFiles, group: number): boolean {
  return kindOrNone(files, `/dev/vfio/noiommu-${group}`) === 'device'
}

/** iommufd is loaded. */
export function hasIommufd(files: HostFiles): boolean {
  return kindOrNone(files, '/dev/iommu') === 'device'
}
