import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Reason } from '../calls/system-call.ts'

/**
 * Why a virtual function of a GPU with vendor-specific VFIO does not open (ENODEV): no vGPU was made of it yet. Null where
 * that is not the reason.
 */
export function noVgpuReason(files: HostFiles, name: string): Reason | null {
  const folder = `/sys/bus/pci/devices/${name}/nvidia`
  if (readOrEmpty(files, `${folder}/current_vgpu_type`).trim() !== '0') return null
  return {
    code: 'NOT_FOUND',
    because: 'no vGPU has been made of this virtual function',
    hint: `vfioctl types -p ${name}; vfioctl start -p ${name} -t TYPE`,
    facts: { device: name, vgpuType: 0 },
  }
}
