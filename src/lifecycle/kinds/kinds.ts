import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceName, VirtualDeviceKind } from '../device/virtual-device-kind.ts'
import { mdevKind } from './mdev/mdev-kind.ts'
import { nvidiaVgpuKind } from './nvidia-vgpu/nvidia-vgpu-kind.ts'
import { xeKind } from './xe-vf/xe-kind.ts'

/** Every kind of virtual device, in the order in which they are asked and listed. */
export const kinds: readonly [VirtualDeviceKind, ...VirtualDeviceKind[]] = [mdevKind, nvidiaVgpuKind, xeKind]

/**
 * The kind of the device of that name: the one that claims it, or else one with names of that form, which says why not.
 */
export function kindOf(files: HostFiles, name: DeviceName): VirtualDeviceKind {
  const claiming = kinds.find((kind) => kind.claims(files, name))
  return claiming ?? kinds.find((kind) => kind.takesName(name)) ?? kinds[0]
}

/** The kind of what has no name yet: that of which its parent makes devices. */
export function kindOfParent(files: HostFiles, parent: string | undefined): VirtualDeviceKind {
  const claiming = parent === undefined ? undefined : kinds.find((kind) => kind.claimsParent(files, parent))
  return claiming ?? kinds[0]
}
