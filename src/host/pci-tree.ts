import type { PciAddress } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { isBootDisplay } from './display/boot-display.ts'
import { type GroupMember, groupMember, iommuGroup } from './group-members.ts'
import { pciAddresses, pciDevices } from './pci-bus.ts'
import { type PciIds, readPciIds } from './pci-ids.ts'
import { readResetMethods } from './pci-power.ts'
import { kindOrNone, readIfAllowed } from './sysfs/readable.ts'
import { readOrWarn, type Warning } from './warning.ts'

/** A PCI function at its place below bridges, as its folder in sysfs tells: /sys/bus/pci/devices/ADDRESS. */
export interface PciNode extends GroupMember, PciIds {
  /** Number of its IOMMU group, or null. */
  readonly group: number | null
  /** Number of the memory node that is near to it (`numa_node`); null if the kernel knows none. */
  readonly numaNode: number | null
  /** The kernel has a way to reset it by itself: its file `reset` is there, and a way is not turned off. */
  readonly canReset: boolean
  /** The ways in the order in which the kernel tries them ('flr', 'bus'); none before Linux 5.15, or if it has none. */
  readonly resetMethods: readonly string[]
  /** The machine has booted with it: `boot_vga` is 1. Null of what is no display, or if sysfs does not tell. */
  readonly bootDisplay: boolean | null
  /** The devices behind a bridge. */
  readonly children: readonly PciNode[]
}

/** A root bus: 'pci0000:00', and the devices on it. */
export interface PciRoot {
  readonly name: string
  readonly children: readonly PciNode[]
}

/**
 * Every PCI function below its bridges, sorted by addresses. What cannot be read is a warning, and the rest goes on.
 */
export function readPciTree(files: HostFiles, warnings: Warning[]): PciRoot[] {
  const below = new Map<string, PciAddress[]>()
  const roots = new Set<string>()
  const all = pciAddresses(files, warnings)
  const known = new Set<string>(all)
  for (const address of all) {
    const above = placeAbove(files, address, known, warnings)
    if (!known.has(above)) roots.add(above)
    below.set(above, [...(below.get(above) ?? []), address])
  }
  const nodes = (above: string): PciNode[] => {
    return (below.get(above) ?? []).map((address) => ({
      ...readFunction(files, address, warnings),
      children: nodes(address),
    }))
  }
  return [...roots].sort().map((name) => ({ name, children: nodes(name) }))
}

/** The name of a root bus in /sys/devices. */
const rootName = /^pci[0-9a-f]{4,8}:[0-9a-f]{2}$/

/**
 * The bridge or root bus above a function, by the last folder but one of its place in /sys/devices. A function whose
 * place makes no sense, as none that is above itself does, is on the root bus of its address.
 */
function placeAbove(files: HostFiles, address: PciAddress, known: ReadonlySet<string>, warnings: Warning[]): string {
  const path = `${pciDevices}/${address}`
  const target = readOrWarn(path, warnings, '', () => files.readlink(path))
  const above = target.split('/').at(-2) ?? ''
  if (rootName.test(above)) return above
  // a bridge's bus has a number of its own, and comes after the bus that the bridge is on
  if (known.has(above) && busOf(above) < busOf(address)) return above
  return `pci${busOf(address)}`
}

function busOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}

function readFunction(files: HostFiles, address: PciAddress, warnings: Warning[]): Omit<PciNode, 'children'> {
  const path = `${pciDevices}/${address}`
  const none = { name: address, driver: null, vfio: false }
  return {
    ...readOrWarn(path, warnings, none, () => groupMember(files, address, path)),
    ...readPciIds(files, address, warnings),
    group: readOrWarn(`${path}/iommu_group`, warnings, null, () => iommuGroup(files, path)),
    numaNode: readNumaNode(files, path, warnings),
    ...readReset(files, address),
    bootDisplay: isBootDisplay(files, address),
  }
}

function readNumaNode(files: HostFiles, path: string, warnings: Warning[]): number | null {
  const text = readOrWarn(`${path}/numa_node`, warnings, null, () => readIfAllowed(files, `${path}/numa_node`))
  return text !== null && /^\d{1,4}\n?$/.test(text) ? Number(text) : null
}

/** `reset_method` is there with `reset` since Linux 5.15, and empty if every way was turned off. */
function readReset(files: HostFiles, address: PciAddress): Pick<PciNode, 'canReset' | 'resetMethods'> {
  const path = `${pciDevices}/${address}`
  const resetMethods = readResetMethods(files, address)
  const hasNone = resetMethods.length === 0 && kindOrNone(files, `${path}/reset_method`) !== null
  return { canReset: kindOrNone(files, `${path}/reset`) !== null && !hasNone, resetMethods }
}
