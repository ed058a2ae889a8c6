import type { Scenario, ScenarioMig, ScenarioModel, ScenarioPciDevice, ScenarioVgpuType } from '../scenario/scenario.ts'
import { nvidiaSmiPath, pciDevice, plainDisk, sriovManagePath } from './host-parts.ts'

/**
 * A server with two RTX PRO 6000 Blackwell and NVIDIA's vGPU 19: framebuffers of one size until
 * `nvidia-smi vgpu -shm 1`, or GPU instances (MIG). Sizes, profiles and how many share one are those of NVIDIA's user
 * guides and of public logs of such cards (bigstack-oss/cubecos PR 1223 and 1338). Of the ids of types, 1519, 1520,
 * 1523 and 1561 are; the others are made up. MIG mode outlives a reboot, as there; NVIDIA's MIG guide says otherwise of
 * Hopper.
 */
export const blackwell: Scenario = {
  name: 'blackwell',
  kernel: '7',
  modules: {
    vfio: {},
    vfio_iommu_type1: { allow_unsafe_interrupts: 'N', disable_hugepages: 'N', dma_entry_limit: '65535' },
    vfio_pci_core: {},
    vfio_pci: { disable_denylist: 'N', disable_idle_d3: 'N', disable_vga: 'N', enable_sriov: 'N', nointxmask: 'N' },
    pci_pf_stub: {},
    kvm: {},
    nvidia: {},
    nvidia_vgpu_vfio: {},
  },
  pci: [card('0000:41:00.0', 3), card('0000:61:00.0', 5)],
  parents: [],
  disk: {
    ...plainDisk,
    '/usr/bin': null,
    [nvidiaSmiPath]: '',
    '/usr/lib/nvidia': null,
    [sriovManagePath]: '#!/bin/bash\n',
  },
}

function card(address: string, iommuGroup: number): ScenarioPciDevice {
  return pciDevice(address, '10de:2bb5', {
    subsystemVendor: '0x10de',
    subsystemDevice: '0x204e',
    class: '0x030200',
    revision: '0xa1',
    driver: 'nvidia',
    iommuGroup,
    sriov: { totalVfs: 48, offset: 2, stride: 1, vfDevice: '0x2bb5', vfDriver: 'nvidia', driverConfigures: false },
    vgpus: {
      driverModel: 'proprietary',
      capacity: { framebufferMiB: 98304 },
      oneTypeAtATime: false,
      heterogeneous: true,
      mig: cuts(),
      types: [
        shared(1519, 'DC-3Q', 3),
        shared(1520, 'DC-3A', 3),
        shared(1523, 'DC-6Q', 6),
        shared(1527, 'DC-12Q', 12),
        shared(1531, 'DC-24Q', 24),
        shared(1535, 'DC-48Q', 48),
        shared(1539, 'DC-96Q', 96),
        cut(1549, 'DC-1-6Q', 6, 47, 4),
        cut(1550, 'DC-1-6A', 6, 47, 4),
        cut(1555, 'DC-1-12Q', 12, 47, 2),
        cut(1561, 'DC-1-24Q', 24, 47, 1),
        cut(1567, 'DC-2-24Q', 24, 35, 2),
        cut(1573, 'DC-2-48Q', 48, 35, 1),
        cut(1579, 'DC-4-96Q', 96, 32, 1),
      ],
    },
  })
}

/** The profiles for vGPUs: those with graphics (+gfx). */
function cuts(): ScenarioMig {
  const profile = (id: number, name: string, units: number, memoryGib: number, [sm, each, ofa]: readonly number[]) => {
    const engines = { sm: sm ?? 0, ce: each ?? 0, dec: each ?? 0, enc: each ?? 0, jpeg: each ?? 0, ofa: ofa ?? 0 }
    return { id, name, units, memoryGib, engines }
  }
  return {
    units: 12,
    survivesReboot: true,
    profiles: [
      profile(47, '1g.24gb+gfx', 3, 23.62, [46, 1, 0]),
      profile(35, '2g.48gb+gfx', 6, 47.38, [94, 2, 0]),
      profile(32, '4g.96gb+gfx', 12, 95.12, [188, 4, 1]),
    ],
  }
}

function shared(id: number, name: string, gibibytes: number): ScenarioVgpuType {
  const framebufferMiB = gibibytes * 1024
  return {
    id,
    name: `NVIDIA RTX Pro 6000 Blackwell ${name}`,
    uses: { framebufferMiB },
    model: model(id, framebufferMiB),
  }
}

function cut(id: number, name: string, gibibytes: number, profile: number, most: number): ScenarioVgpuType {
  return { ...shared(id, name, gibibytes), gpuInstance: { profile, most } }
}

function model(id: number, framebufferMiB: number): ScenarioModel {
  return {
    kind: 'vgpu',
    vendor: 0x10de,
    device: 0x2bb5,
    subsystemVendor: 0x10de,
    subsystemDevice: id,
    class: 0x03_02_00,
    revision: 0xa1,
    framebufferMiB,
  }
}
