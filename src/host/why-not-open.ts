import type { Fact } from '../base/errors.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { readOrNone } from './sysfs/readable.ts'

/** The reason why a device does not open although VFIO has it, and the command that helps. */
export interface WhyNotOpen {
  readonly code: 'NOT_FOUND'
  readonly because: string
  readonly hint: string
  readonly facts: Readonly<Record<string, Fact>>
}

/** A row for each driver that answers ENODEV until something is done first; null if that is not the reason. */
const rows: readonly ((files: HostFiles, name: string) => WhyNotOpen | null)[] = [withoutVgpu]

/** The reason for ENODEV, by the device's name on its bus, found by looking; null if none is to be seen. */
export function whyNotOpen(files: HostFiles, name: string): WhyNotOpen | null {
  for (const row of rows) {
    const reason = row(files, name)
    if (reason !== null) return reason
  }
  return null
}

/** A virtual function of a GPU with vendor-specific VFIO, of which no vGPU was made yet. */
function withoutVgpu(files: HostFiles, name: string): WhyNotOpen | null {
  if (readOrNone(files, `/sys/bus/pci/devices/${name}/nvidia/current_vgpu_type`)?.trim() !== '0') return null
  return {
    code: 'NOT_FOUND',
    because: 'no vGPU has been made of this virtual function',
    hint: `vfioctl types -p ${name}; vfioctl start -p ${name} -t TYPE`,
    facts: { device: name, vgpuType: 0 },
  }
}
