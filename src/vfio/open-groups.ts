import type { Kernel } from '../kernel/kernel.ts'
import type { DeviceAddressSpace } from './attachment.ts'

/** A group can be open once in a process, and its devices are all in one address space: which has it. */
const owners = new WeakMap<Kernel, Map<number, DeviceAddressSpace>>()

/** The address space that has this group open, or null. */
export function spaceOfGroup(kernel: Kernel, group: number): DeviceAddressSpace | null {
  return owners.get(kernel)?.get(group) ?? null
}

export function claimGroup(kernel: Kernel, group: number, space: DeviceAddressSpace): void {
  const ofKernel = owners.get(kernel) ?? new Map<number, DeviceAddressSpace>()
  owners.set(kernel, ofKernel.set(group, space))
}

export function releaseGroup(kernel: Kernel, group: number): void {
  owners.get(kernel)?.delete(group)
}
