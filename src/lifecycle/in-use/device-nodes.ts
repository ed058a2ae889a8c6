import type { PciAddress } from '../../base/units.ts'
import { findDeviceNode } from '../../host/device-node.ts'
import { iommuGroup } from '../../host/group-members.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceGraph } from './device-graph.ts'

/** Names by which a process has a PCI device open: nodes in /dev, and the device's own address. */
export function deviceNodes(files: HostFiles, graph: DeviceGraph, address: PciAddress): string[] {
  return [...classNodes(files, graph, address), ...nvidiaNodes(files, address), ...vfioNodes(files, address), address]
}

function classNodes(files: HostFiles, graph: DeviceGraph, address: PciAddress): string[] {
  return graph
    .below(address)
    .filter(({ kind }) => kind.startsWith('dev/'))
    .flatMap(({ link }) => /^DEVNAME=(.+)$/m.exec(readOrEmpty(files, `${link}/uevent`))?.[1] ?? [])
    .map((name) => `/dev/${name}`)
}

/**
 * NVIDIA's driver makes its nodes without a class: /proc/driver/nvidia/gpus/ADDRESS/information tells the minor number.
 */
function nvidiaNodes(files: HostFiles, address: PciAddress): string[] {
  const gpus = '/proc/driver/nvidia/gpus'
  return listOrNone(files, gpus)
    .filter((name) => name.toLowerCase() === address)
    .flatMap(
      (name) => /^Device Minor:\s*(\d{1,7})\s*$/m.exec(readOrEmpty(files, `${gpus}/${name}/information`))?.[1] ?? [],
    )
    .map((minor) => `/dev/nvidia${minor}`)
}

function vfioNodes(files: HostFiles, address: PciAddress): string[] {
  const group = iommuGroup(files, `${pciDevices}/${address}`)
  const own = findDeviceNode(files, { group, name: address })?.path
  return [
    ...(group === null ? [] : [`/dev/vfio/${group}`, `/dev/vfio/noiommu-${group}`]),
    ...(own === undefined ? [] : [own]),
  ]
}
