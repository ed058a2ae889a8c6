import type { HostFiles } from '../kernel/kernel.ts'

/** The reason why a machine has no IOMMU group, and what gives it one: words for a message. */
export interface IommuAdvice {
  readonly why: string
  readonly hint: string
}

/** A mainframe's IOMMU cannot be off; elsewhere the firmware or the kernel's command line turns it on. */
export function iommuAdvice(files: HostFiles): IommuAdvice {
  if (files.kind('/sys/bus/css') !== null) {
    return {
      why: 'a mainframe has groups for its PCI functions and for mediated devices alone, and there are none',
      hint: 'vfioctl types, for what mediated devices can be made of; a subchannel is a parent once vfio_ccw has it',
    }
  }
  return {
    why: 'this machine has no IOMMU, or it is off',
    hint: 'intel_iommu=on on the kernel command line; VT-d, AMD-Vi or SMMU in the firmware’s setup',
  }
}
