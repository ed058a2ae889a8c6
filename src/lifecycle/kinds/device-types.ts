import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type MdevType, mdevBus, readMdevTypes, type TypeFilter } from './mdev/mdev-types.ts'
import { readVgpuTypes, type VgpuType } from './nvidia-vgpu/vgpu-types.ts'

/** A kind of virtual device that a card of this host offers. */
export type DeviceType = MdevType | VgpuType

/** Everything that the cards offer: mediated devices first, then vendor vGPUs, each by parent and type. */
export function readDeviceTypes(
  files: HostFiles,
  filter: TypeFilter = {},
): { types: DeviceType[]; warnings: Warning[] } {
  const vgpus = readVgpuTypes(files, filter)
  const mdevs = readMdevTypes(files, filter)
  // a host with vendor vGPUs alone needs no support of mediated devices
  const warnings = vgpus.types.length > 0 ? mdevs.warnings.filter(({ path }) => path !== mdevBus) : mdevs.warnings
  return { types: [...mdevs.types, ...vgpus.types], warnings: [...warnings, ...vgpus.warnings] }
}
