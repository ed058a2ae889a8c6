import type { Scenario, ScenarioModel, ScenarioVgpuType } from '../scenario/scenario.ts'
import { demo } from './demo.ts'
import { memory, pciDevice, plainDisk, sriovManagePath } from './host-parts.ts'

const t4 = '0000:3b:00.0'

/**
 * A server for virtual GPUs: a T4 that is shared as mediated devices, an L40S whose virtual functions NVIDIA's own
 * driver makes vGPUs of (they are there, as after `sriov-manage -e`), an RTX PRO 6000 with the driver proposed for the
 * kernel, and a network card with two ports in one IOMMU group.
 */
export const gpuHost: Scenario = {
  name: 'gpu-host',
  kernel: '7',
  modules: {
    vfio: { enable_unsafe_noiommu_mode: 'N' },
    vfio_iommu_type1: { allow_unsafe_interrupts: 'N', disable_hugepages: 'N', dma_entry_limit: '65535' },
    vfio_pci_core: {},
    vfio_pci: { disable_denylist: 'N', disable_idle_d3: 'N', disable_vga: 'N', enable_sriov: 'N', nointxmask: 'N' },
    pci_stub: {},
    pci_pf_stub: {},
    irqbypass: {},
    mdev: {},
    kvm: {},
    nvidia: {},
    nvidia_vgpu_vfio: {},
    nova_core: {},
    ice: {},
    iavf: {},
    nvme: {},
  },
  pci: [
    pciDevice('0000:00:00.0', '8086:09a2', { class: '0x088000', revision: '0x04', driver: null, iommuGroup: 0 }),
    pciDevice('0000:00:14.0', '8086:1bcd', { class: '0x0c0330', revision: '0x11', driver: 'xhci_hcd', iommuGroup: 1 }),
    port('0000:3a:01.0', 2, 0),
    pciDevice(t4, '10de:1eb8', {
      ...inSlot('0000:3a:01.0', 0),
      ...nvidia('0x12a2'),
      class: '0x030200',
      driver: 'nvidia',
      iommuGroup: 3,
    }),
    port('0000:40:01.0', 4, 0),
    pciDevice('0000:41:00.0', '10de:26b9', {
      ...inSlot('0000:40:01.0', 0),
      ...nvidia('0x1851'),
      class: '0x030200',
      driver: 'nvidia',
      iommuGroup: 5,
      sriov: {
        totalVfs: 32,
        offset: 4,
        stride: 1,
        vfDevice: '0x26b9',
        vfDriver: 'nvidia',
        driverConfigures: false,
        enabled: 4,
      },
      vgpus: {
        driverModel: 'proprietary',
        capacity: { framebufferMiB: 49152 },
        oneTypeAtATime: true,
        types: [
          vgpuType(1147, 'NVIDIA L40S-1Q', 1),
          vgpuType(1148, 'NVIDIA L40S-2Q', 2),
          vgpuType(1150, 'NVIDIA L40S-4Q', 4),
          vgpuType(1152, 'NVIDIA L40S-8Q', 8),
          vgpuType(1155, 'NVIDIA L40S-16Q', 16),
          vgpuType(1157, 'NVIDIA L40S-24Q', 24),
          vgpuType(1159, 'NVIDIA L40S-48Q', 48),
        ],
      },
    }),
    port('0000:60:01.0', 6, 1),
    pciDevice('0000:61:00.0', '10de:2bb5', {
      ...inSlot('0000:60:01.0', 1),
      ...nvidia('0x204e'),
      class: '0x030200',
      driver: 'nova_core',
      iommuGroup: 7,
      sriov: {
        totalVfs: 48,
        offset: 4,
        stride: 1,
        vfDevice: '0x2bb5',
        vfDriver: 'nvidia-vgpu-vfio',
        driverConfigures: true,
      },
      vgpus: {
        driverModel: 'open',
        capacity: { framebufferMiB: 98304 },
        oneTypeAtATime: true,
        types: [
          vgpuType(1500, 'NVIDIA RTX Pro 6000 Blackwell DC-3Q', 3),
          vgpuType(1504, 'NVIDIA RTX Pro 6000 Blackwell DC-12Q', 12),
          vgpuType(1506, 'NVIDIA RTX Pro 6000 Blackwell DC-24Q', 24),
          vgpuType(1509, 'NVIDIA RTX Pro 6000 Blackwell DC-96Q', 96),
        ],
      },
    }),
    port('0000:80:01.0', 8, 1),
    networkPort('0000:81:00.0'),
    networkPort('0000:81:00.1'),
    port('0000:80:02.0', 10, 1),
    pciDevice('0000:82:00.0', '144d:a80a', {
      ...inSlot('0000:80:02.0', 1),
      class: '0x010802',
      revision: '0x00',
      driver: 'nvme',
      iommuGroup: 11,
    }),
  ],
  parents: demo.parents.filter(({ name }) => name === t4),
  disk: {
    ...plainDisk,
    '/usr/lib/nvidia': null,
    [sriovManagePath]: '#!/bin/bash\n',
  },
}

function port(address: string, iommuGroup: number, numaNode: number): Scenario['pci'][number] {
  const rest = { class: '0x060400', revision: '0x04', driver: 'pcieport', iommuGroup, numaNode }
  return pciDevice(address, '8086:352a', rest)
}

function inSlot(above: string, numaNode: number): Pick<Scenario['pci'][number], 'behind' | 'numaNode'> {
  return { behind: [above], numaNode }
}

function nvidia(
  subsystemDevice: string,
): Pick<Scenario['pci'][number], 'subsystemVendor' | 'subsystemDevice' | 'revision'> {
  return { subsystemVendor: '0x10de', subsystemDevice, revision: '0xa1' }
}

/** The ports of a card that does not isolate its functions from each other are one IOMMU group. */
function networkPort(address: string): Scenario['pci'][number] {
  return pciDevice(address, '8086:1592', {
    ...inSlot('0000:80:01.0', 1),
    class: '0x020000',
    revision: '0x02',
    driver: 'ice',
    iommuGroup: 9,
    function: memory(0x200_0000),
    sriov: {
      totalVfs: 64,
      offset: address.endsWith('.0') ? 8 : 71,
      stride: 1,
      vfDevice: '0x1889',
      vfDriver: 'iavf',
      vfFunction: memory(0x2_0000),
      driverConfigures: true,
    },
  })
}

function vgpuType(id: number, name: string, gibibytes: number): ScenarioVgpuType {
  const model: ScenarioModel = {
    kind: 'vgpu',
    vendor: 0x10de,
    device: name.includes('L40S') ? 0x26b9 : 0x2bb5,
    subsystemVendor: 0x10de,
    subsystemDevice: id,
    class: 0x03_02_00,
    revision: 0xa1,
    framebufferMiB: gibibytes * 1024,
  }
  return { id, name, uses: { framebufferMiB: gibibytes * 1024 }, model }
}
