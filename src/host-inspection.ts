import { VfioError } from './base/errors.ts'
import { hex, pciAddressOrNull } from './base/units.ts'
import { firmwareFramebuffer, framebufferInWords, releaseOption } from './host/display/boot-display.ts'
import { iomem } from './host/display/held-memory.ts'
import { type IommuGroup, readIommuGroups } from './host/iommu-groups.ts'
import { type ResizableBar, readResizableBars } from './host/pci-bars.ts'
import { type PciPower, readPciPower } from './host/pci-power.ts'
import { type VfioPciDriver, VfioPciDrivers } from './host/variants/vfio-pci-drivers.ts'
import type { Warning } from './host/warning.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { VirtualDevice } from './lifecycle/device/virtual-device.ts'
import { deviceToOpen } from './lifecycle/kinds/device-to-open.ts'
import { list } from './lifecycle/kinds/list.ts'
import type { IommuMode } from './vfio/address-space/address-space.ts'
import type { ConfigSpace } from './vfio/config-space/config-space.ts'
import { type DescribedDevice, describeDevice } from './vfio/describe-device.ts'
import { type Device, openDevice } from './vfio/device.ts'

/** Result of `host.inspect`, as plain data: 64-bit values are hex strings, as in the JSON of `vfioctl inspect`. */
export interface DeviceInspection {
  /** Null for a device that is none, a PCI device with a VFIO driver. */
  readonly virtualDevice: VirtualDevice | null
  /** Without this process among its users. */
  readonly group: IommuGroup | null
  readonly device: DescribedDevice
  /**
   * VFIO's drivers for it, best first: `bind` takes the first. Null for what is no PCI device of the host, or if
   * nothing tells.
   */
  readonly vfioDrivers: readonly VfioPciDriver[] | null
  readonly addressSpace: InspectedAddressSpace
  /** Before it was opened, which wakes it. Null for what is no PCI device. */
  readonly power: PciPower | null
  /** BARs whose size `bind` can choose, before a driver has the device. None of what is no PCI device. */
  readonly resizableBars: readonly ResizableBar[]
  /** Null for what is no PCI device, and if it cannot be read or makes no sense: then a warning says so. */
  readonly config: ConfigSpace | null
  readonly warnings: readonly Warning[]
}

/** Address translation of an inspected device. */
export interface InspectedAddressSpace {
  readonly mode: IommuMode
  /** The smallest page that can be mapped, in bytes. */
  readonly pageSize: number
  /** Ranges of IOVAs that can be mapped: the first and the last address of each, in hex. */
  readonly ranges: readonly { readonly first: string; readonly last: string }[]
  /** Number of mappings that the kernel still takes; null if it does not say. */
  readonly availableMappings: number | null
}

/** Opens a device, looks at all that VFIO tells of it, and closes it. Throws as `openDevice` does. */
export function inspectDevice(kernel: Kernel, named: string): DeviceInspection {
  const found = deviceToOpen(kernel.files, named)
  const [virtualDevice = null] = list(kernel.files, { name: found.name, active: true }).devices
  const address = pciAddressOrNull(found.name)
  const power = address === null ? null : readPciPower(kernel.files, address)
  const resizableBars = address === null ? [] : readResizableBars(kernel.files, address)
  const opened = openDevice(kernel, found)
  try {
    return { ...inspectOpened(kernel, opened, virtualDevice), power, resizableBars }
  } finally {
    opened.close()
  }
}

/** Looks at a device that is open. What cannot be read of its group or its configuration space is a warning. */
function inspectOpened(
  kernel: Kernel,
  device: Device,
  virtualDevice: VirtualDevice | null,
): Omit<DeviceInspection, 'power' | 'resizableBars'> {
  const { pageSize, ranges, availableMappings } = device.addressSpace.info()
  const { groups, warnings } = readIommuGroups(kernel.files, { device: device.name })
  const [group] = groups
  warnings.push(...heldByFramebuffer(kernel, device))
  return {
    virtualDevice,
    // nobody asks who inspects it
    group: group === undefined ? null : { ...group, users: group.users.filter(({ pid }) => pid !== kernel.pid) },
    device: describeDevice(device),
    vfioDrivers: vfioDrivers(kernel, device, warnings),
    addressSpace: {
      mode: device.iommuMode,
      pageSize,
      ranges: ranges.map(({ first, last }) => ({ first: hex(first), last: hex(last) })),
      availableMappings,
    },
    config: configSpace(device, warnings),
    warnings,
  }
}

/** A warning if the firmware's framebuffer holds memory of it, which then is not to be read or mapped. */
function heldByFramebuffer({ files }: Kernel, { name }: Device): Warning[] {
  const address = pciAddressOrNull(name)
  const firmware = address === null ? null : firmwareFramebuffer(files, address)
  if (firmware?.memory == null) return []
  return [{ path: iomem, message: `${framebufferInWords(firmware)}: vfioctl bind ${name} ${releaseOption}` }]
}

function vfioDrivers({ files }: Kernel, device: Device, warnings: Warning[]): readonly VfioPciDriver[] | null {
  const address = pciAddressOrNull(device.name)
  if (address === null) return null
  try {
    return new VfioPciDrivers(files).of(address)
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
    warnings.push({ path: error.path ?? device.name, message: error.message })
    return null
  }
}

/** A device whose configuration space is broken is inspected all the more. */
function configSpace(device: Device, warnings: Warning[]): ConfigSpace | null {
  if (!device.info.flags.pci) return null
  try {
    return device.pci.configSpace()
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
    warnings.push({ path: `${device.name} config`, message: error.message })
    return null
  }
}
