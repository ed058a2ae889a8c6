import type { Machine } from '../machine/machine.ts'
import { type PciDevice, pciRecord } from '../pci/devices.ts'

/** A card that nvidia-smi is asked about, and the number that it has for it. */
export interface Gpu {
  readonly machine: Machine
  readonly device: PciDevice
  readonly index: number
}

/** '00000000:41:00.0', as nvidia-smi writes an address. */
export function busId({ address }: PciDevice): string {
  return `0000${address}`.toUpperCase()
}

/**
 * Text of `nvidia-smi -q`, without what has nothing to do with vGPUs: lines and their order as public logs of drivers
 * 550 to 595 show them. Of a card in MIG mode, the mode of sizes is N/A (bigstack-oss/cubecos PR 1338).
 */
export function queryText({ machine, device }: Gpu): string {
  const { mig, heterogeneous } = pciRecord(machine.store.read(), device)
  const { vgpus } = device
  const canMix = vgpus?.heterogeneous === true
  const isHost = vgpus?.driverModel === 'proprietary'
  const migMode = vgpus?.mig === undefined ? 'N/A' : enabled(mig)
  const lines: readonly (readonly [depth: number, name: string, value?: string])[] = [
    [0, 'Driver Version', '580.95.02'],
    [0, 'CUDA Version', 'Not Found'],
    [0, 'vGPU Driver Capability'],
    [2, 'Heterogenous Multi-vGPU', 'Supported'],
    [0, ''],
    [0, 'Attached GPUs', '1'],
    [0, `GPU ${busId(device)}`],
    [1, 'Product Brand', 'NVIDIA RTX'],
    [1, 'vGPU Device Capability'],
    [2, 'Fractional Multi-vGPU', 'Supported'],
    [2, 'Heterogeneous Time-Slice Profiles', 'Supported'],
    [2, 'Heterogeneous Time-Slice Sizes', canMix ? 'Supported' : 'Not Supported'],
    [1, 'MIG Mode'],
    [2, 'Current', migMode],
    [2, 'Pending', migMode],
    [1, 'GPU Operation Mode'],
    [2, 'Current', 'N/A'],
    [2, 'Pending', 'N/A'],
    [1, 'GPU Virtualization Mode'],
    [2, 'Virtualization Mode', isHost ? 'Host VGPU' : 'None'],
    [2, 'Host VGPU Mode', isHost ? 'SR-IOV' : 'N/A'],
    [2, 'vGPU Heterogeneous Mode', canMix && !mig ? enabled(heterogeneous) : 'N/A'],
  ]
  const text = lines.map(([depth, name, value]) => {
    const label = `${'    '.repeat(depth)}${name}`
    return value === undefined ? label : `${label.padEnd(42)}: ${value}`
  })
  return ['', '==============NVSMI LOG==============', '', ...text, ''].join('\n')
}

function enabled(mode: boolean): string {
  return mode ? 'Enabled' : 'Disabled'
}
