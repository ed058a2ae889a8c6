import { printable } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { listOrNone } from './sysfs/readable.ts'

/** The reason why a machine has no IOMMU group, and what gives it one: words for a message. */
export interface IommuAdvice {
  readonly why: string
  readonly hint: string
}

/**
 * A mainframe's IOMMU cannot be off; elsewhere the firmware or the kernel's command line turns it on. One that is on
 * can have no group too: until the first driver where a device tree tells of it, and for good if its registration
 * failed.
 */
export function iommuAdvice(files: HostFiles): IommuAdvice {
  if (files.kind('/sys/bus/css') !== null) {
    return {
      why: 'a mainframe has groups for its PCI functions and for mediated devices alone, and there are none',
      hint: 'vfioctl types, for what mediated devices can be made of; a subchannel is a parent once vfio_ccw has it',
    }
  }
  const iommus = listOrNone(files, '/sys/class/iommu')
  if (iommus.length > 0) {
    return {
      why: `the kernel knows an IOMMU (${printable(iommus.join(' '))}), but no device is in an IOMMU group`,
      hint:
        'on arm64 a device gets its group with its first driver: vfioctl bind DEVICE; behind QEMU’s virtio-iommu, give ' +
        'each device behind a conventional bridge (pcie-pci-bridge) a root port instead; dmesg | grep -i iommu',
    }
  }
  return {
    why: 'this machine has no IOMMU, or it is off',
    hint: 'intel_iommu=on on the kernel command line; VT-d, AMD-Vi or SMMU in the firmware’s setup',
  }
}
