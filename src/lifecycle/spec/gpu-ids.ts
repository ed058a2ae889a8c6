import type { PciAddress } from '../../base/units.ts'
import { pciPath } from '../../host/sriov.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { GpuFilter } from '../wanted/spec.ts'

/** Device and vendor in one number, as NVIDIA's tools write them: 0x20B510DE. */
function uint32(text: string): number | null {
  const digits = text.replace(/(?<=[0-9a-fx])_(?=[0-9a-f])/gi, '')
  // what Go's ParseUint takes with base 0: beside these, a 0 alone begins octal
  const isNumber = /^(0x[0-9a-f]+|0b[01]+|0o[0-7]+|[1-9]\d*|0)$/i.test(digits)
  const number = isNumber ? Number(digits) : /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
  return number <= 0xffff_ffff ? number : null
}

/**
 * A `device-filter` of vgpu-device-manager: '0x25B610DE', or with the subsystem '0x25B610DE:0x14A910DE'. Null for what
 * is none: its own tool takes it, and no GPU fits it.
 */
export function parseGpuFilter(text: string): GpuFilter | null {
  const [id, subsystem, ...more] = text.split(':').map(uint32)
  if (id == null || subsystem === null || more.length > 0) return null
  return { id, subsystem: subsystem ?? null }
}

/** True if a GPU has these ids. What sysfs does not say of its subsystem is 0. */
export function fitsGpu(files: HostFiles, address: PciAddress, { id, subsystem }: GpuFilter): boolean {
  const read = (name: string) => {
    return Number(readOrEmpty(files, `${pciPath(address)}/${name}`).trim()) & 0xffff
  }
  const joined = (device: string, vendor: string) => read(device) * 0x1_0000 + read(vendor)
  if (joined('device', 'vendor') !== id) return false
  return subsystem === null || joined('subsystem_device', 'subsystem_vendor') === subsystem
}
