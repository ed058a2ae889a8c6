import type { PciAddress } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { boundDriver, iommuGroup } from './group-members.ts'
import { checkOnPciBus, pciDevices } from './pci-bus.ts'
import { readOrNull } from './sysfs/readable.ts'

/** Which driver has a PCI device, and which may. */
export interface PciBinding {
  readonly address: PciAddress
  /** Null where none has it. */
  readonly driver: string | null
  /** The one driver that may take it (driver_override), or null: whichever knows the device. */
  readonly override: string | null
  readonly group: number | null
  readonly isBridge: boolean
}

/** The folder of PCI drivers in sysfs. */
export const pciDrivers = '/sys/bus/pci/drivers'

/** Throws NOT_FOUND where this host has no such device. */
export function readPciBinding(files: HostFiles, address: PciAddress): PciBinding {
  const path = `${pciDevices}/${address}`
  checkOnPciBus(files, address)
  return {
    address,
    driver: boundDriver(files, `${path}/driver`),
    override: readOverride(files, `${path}/driver_override`),
    group: iommuGroup(files, path),
    isBridge: files.read(`${path}/class`).startsWith('0x0604'),
  }
}

/** The kernel prints a null pointer. */
function readOverride(files: HostFiles, path: string): string | null {
  const name = readOrNull(files, path)?.trim() ?? ''
  return name === '(null)' || name === '' ? null : name
}
