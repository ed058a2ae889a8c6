import { VfioError } from '../base/errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { type BusDevice, checkOnBus, devicePath } from './bus/bus-device.ts'
import { boundDriver, iommuGroup } from './group-members.ts'
import { readOrNull } from './sysfs/readable.ts'

/** The driver that has a device, and the one that may. */
export interface DriverBinding {
  readonly device: BusDevice
  /** Null if none has it. */
  readonly driver: string | null
  /** The one driver that may take it (driver_override), or null: whichever knows the device. */
  readonly override: string | null
  readonly group: number | null
  /** A PCI bridge, which stays with the host. */
  readonly isBridge: boolean
}

/** Throws NOT_FOUND if this host has no such device. */
export function readBinding(files: HostFiles, device: BusDevice): DriverBinding {
  const path = devicePath(device)
  checkOnBus(files, device)
  return {
    device,
    driver: boundDriver(files, `${path}/driver`),
    override: readOverride(files, overridePath(device)),
    group: iommuGroup(files, path),
    isBridge: device.bus === 'pci' && files.read(`${path}/class`).startsWith('0x0604'),
  }
}

/** NOT_SUPPORTED: a PCI bridge stays with the host. */
export function bridgeRefused(name: string, driver: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `${name} is a bridge, which ${driver} does not take`, {
    hint: 'a group is viable beside a bridge with pcieport, or with no driver; name the devices behind it',
    facts: { device: name },
  })
}

/** The attribute that names the one driver that may take the device. */
export function overridePath(device: BusDevice): string {
  return `${devicePath(device)}/driver_override`
}

/** The kernel prints a null pointer; of ap queues nothing. */
function readOverride(files: HostFiles, path: string): string | null {
  const name = readOrNull(files, path)?.trim() ?? ''
  return name === '(null)' || name === '' ? null : name
}
