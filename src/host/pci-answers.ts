import type { PciAddress } from '../base/units.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { pciDevices } from './pci-bus.ts'

/**
 * Up to the class code: a virtual function has ones for its vendor and device, and no device has them for all of it.
 */
const identityBytes = 16

/**
 * True if a PCI device answers a read of its configuration space (`config` in sysfs), which the kernel asks the device
 * itself for; false if all that comes are ones, as from a device that hangs or has fallen off the bus. Null if it
 * cannot be read.
 */
export function answersReads(kernel: Kernel, address: PciAddress): boolean | null {
  const bytes = new Uint8Array(identityBytes)
  try {
    const fd = kernel.open(`${pciDevices}/${address}/config`, 'r')
    try {
      if (kernel.pread(fd, bytes, 0) < identityBytes) return null
    } finally {
      kernel.close(fd)
    }
  } catch {
    return null
  }
  return bytes.some((byte) => byte !== 0xff)
}
