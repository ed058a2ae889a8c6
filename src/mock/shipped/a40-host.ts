import type { Scenario, ScenarioMdevType, ScenarioModel, ScenarioParent } from '../scenario/scenario.ts'
import { demo } from './demo.ts'
import { pciDevice, plainDisk, sriovManagePath } from './host-parts.ts'

const a40 = '0000:41:00.0'
const t4 = '0000:3b:00.0'
const functions = Array.from(
  { length: 16 },
  (_, index) => `0000:41:0${index < 4 ? 0 : index < 12 ? 1 : 2}.${(index + 4) % 8}`,
)

/**
 * A server of NVIDIA's vGPU 16: an A40, whose virtual functions are the parents of its mediated devices once
 * sriov-manage has made them; a T4, which advertises virtual functions and never has any; and a QAT card, whose driver
 * makes all of them whatever number is asked for.
 */
export const a40Host: Scenario = {
  name: 'a40-host',
  kernel: '6.1',
  modules: {
    vfio: {},
    vfio_iommu_type1: { allow_unsafe_interrupts: 'N', disable_hugepages: 'N', dma_entry_limit: '65535' },
    vfio_pci_core: {},
    vfio_pci: { disable_denylist: 'N', disable_idle_d3: 'N', disable_vga: 'N', enable_sriov: 'N', nointxmask: 'N' },
    pci_pf_stub: {},
    mdev: {},
    kvm: {},
    nvidia: {},
    nvidia_vgpu_vfio: {},
    qat_c62x: {},
  },
  pci: [
    pciDevice(t4, '10de:1eb8', {
      ...nvidia('0x12a2', 3),
      sriov: { totalVfs: 16, offset: 4, stride: 1, vfDevice: '0x1eb8', vfDriver: null, driverConfigures: false },
    }),
    pciDevice(a40, '10de:2235', {
      ...nvidia('0x145a', 5),
      sriov: { totalVfs: 16, offset: 4, stride: 1, vfDevice: '0x2235', vfDriver: 'nvidia', driverConfigures: false },
    }),
    pciDevice('0000:b1:00.0', '8086:37c8', {
      class: '0x0b4000',
      revision: '0x04',
      driver: 'c6xx',
      iommuGroup: 7,
      sriov: {
        totalVfs: 16,
        offset: 8,
        stride: 1,
        vfDevice: '0x37c9',
        vfDriver: null,
        driverConfigures: true,
        makesAll: true,
      },
    }),
  ],
  parents: [...demo.parents.filter(({ name }) => name === t4), ...functions.map(functionParent)],
  disk: { ...plainDisk, '/usr/lib/nvidia': null, [sriovManagePath]: '#!/bin/bash\n' },
}

function nvidia(subsystemDevice: string, iommuGroup: number) {
  const ids = { subsystemVendor: '0x10de', subsystemDevice, class: '0x030200', revision: '0xa1' }
  return { ...ids, driver: 'nvidia', iommuGroup }
}

function functionParent(name: string): ScenarioParent {
  return {
    name,
    card: a40,
    driver: 'nvidia-vgpu-vfio',
    module: 'nvidia_vgpu_vfio',
    deviceApi: 'vfio-pci',
    capacity: { framebufferMiB: 49152 },
    oneTypeAtATime: true,
    whenFull: 'EINVAL',
    attributes: [{ path: 'nvidia/vgpu_params', value: '', access: 'rw', dropsLastByte: true }],
    types: [
      vgpuType('nvidia-558', 4),
      vgpuType('nvidia-563', 8),
      vgpuType('nvidia-564', 12),
      vgpuType('nvidia-566', 24),
    ],
  }
}

function vgpuType(id: string, gibibytes: number): ScenarioMdevType {
  const framebufferMiB = gibibytes * 1024
  const model: ScenarioModel = {
    kind: 'vgpu',
    vendor: 0x10de,
    device: 0x2235,
    subsystemVendor: 0x10de,
    subsystemDevice: 0x14a5,
    class: 0x03_02_00,
    revision: 0xa1,
    framebufferMiB,
  }
  const description = `num_heads=4, frl_config=60, framebuffer=${framebufferMiB}M, max_resolution=7680x4320, max_instance=${48 / gibibytes}`
  return { id, name: `NVIDIA A40-${gibibytes}Q`, description, uses: { framebufferMiB }, model }
}
