import { type GroupFilter, type IommuGroup, readIommuGroups } from './host/iommu-groups.ts'
import { pciDevices } from './host/pci-bus.ts'
import { type PciNode, readPciTree } from './host/pci-tree.ts'
import type { Warning } from './host/warning.ts'
import type { Kernel } from './kernel/kernel.ts'
import { type AccessControl, readAccessControl } from './vfio/config-space/access-control.ts'

/** The PCI devices of a host as they are connected, with the IOMMU groups that follow from it. */
export interface Topology {
  readonly roots: readonly TopologyRoot[]
  /** Those of the devices in `roots`, by their numbers; with a filter, without those of the bridges above. */
  readonly groups: readonly IommuGroup[]
  /** Groups without a PCI device: of mediated devices, and of other buses. */
  readonly otherGroups: readonly IommuGroup[]
  readonly warnings: readonly Warning[]
}

/** A root bus, 'pci0000:00', as a folder of /sys/devices. */
export interface TopologyRoot {
  readonly name: string
  readonly children: readonly TopologyDevice[]
}

/** A PCI function, and the functions behind it if it is a bridge. */
export interface TopologyDevice extends Omit<PciNode, 'children'> {
  /** True if VFIO may have its group; null of a device without a group. */
  readonly viable: boolean | null
  /** Access Control Services (ACS); 'unreadable' for anyone but root, 'none' of a device without them. */
  readonly accessControl: AccessControl | 'none' | 'unreadable'
  readonly children: readonly TopologyDevice[]
}

/**
 * Every PCI device below its bridges, or with a filter the groups that it names and the bridges above them. What cannot
 * be read is a warning, and the rest goes on.
 */
export function readTopology(kernel: Kernel, filter: GroupFilter = {}): Topology {
  const { files } = kernel
  const found = readIommuGroups(files, filter)
  const warnings = [...found.warnings]
  const isAll = filter.device === undefined && filter.number === undefined
  // the bridges above them are in other groups
  const groups = isAll ? found.groups : readIommuGroups(files).groups
  const isViable = new Map(groups.flatMap(({ devices, viable }) => devices.map(({ name }) => [name, viable] as const)))
  const wanted = new Set(
    [...found.groups.flatMap(({ devices }) => devices), ...found.withoutGroup].map(({ name }) => name),
  )
  let isUnreadable = false
  const described = (nodes: readonly PciNode[]): TopologyDevice[] => {
    return nodes.flatMap((node) => {
      const children = described(node.children)
      if (!isAll && children.length === 0 && !wanted.has(node.name)) return []
      const accessControl = readAccessControl(kernel, `${pciDevices}/${node.name}/config`)
      isUnreadable ||= accessControl === 'unreadable'
      return [{ ...node, viable: isViable.get(node.name) ?? null, accessControl, children }]
    })
  }
  const roots = readPciTree(files, warnings)
    .map(({ name, children }) => ({ name, children: described(children) }))
    .filter(({ children }) => children.length > 0)
  if (isUnreadable) warnings.push(accessControlUnknown(files.uid === 0))
  const hasPci = ({ devices }: IommuGroup) => devices.some(({ bus }) => bus === 'pci')
  return {
    roots,
    groups: found.groups.filter(hasPci),
    otherGroups: found.groups.filter((group) => !hasPci(group)),
    warnings,
  }
}

function accessControlUnknown(isRoot: boolean): Warning {
  const why = isRoot ? 'cannot be read whole, or makes no sense' : 'can be read whole by root alone'
  return { path: `${pciDevices}/…/config`, message: `${why}: ACS is not known of each device` }
}
