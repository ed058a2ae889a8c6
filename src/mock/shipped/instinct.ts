import type { Scenario, ScenarioPciDevice } from '../scenario/scenario.ts'
import { memory, pciDevice, plainDisk } from './host-parts.ts'

/**
 * A server with two of AMD's Instinct MI300X and gim 8.0.0.K, which makes their virtual functions as it is loaded: one
 * each, until a line of modprobe says otherwise. The firmware of the second allows one alone, as those of
 * amd/MxGPU-Virtualization issue 13; the eight of the first, and its partitions, are those of no card in particular.
 * amdgpu is kept away, as gim's documents ask.
 */
export const instinct: Scenario = {
  name: 'instinct',
  kernel: '6.12',
  modules: {
    vfio: {},
    vfio_iommu_type1: { allow_unsafe_interrupts: 'N', disable_hugepages: 'N', dma_entry_limit: '65535' },
    vfio_pci_core: {},
    vfio_pci: { disable_denylist: 'N', disable_idle_d3: 'N', disable_vga: 'N', enable_sriov: 'N', nointxmask: 'N' },
    kvm: {},
    gim: { vf_num: '' },
    nvme: {},
  },
  pci: [
    pciDevice('0000:01:00.0', '144d:a80a', { class: '0x010802', revision: '0x00', driver: 'nvme', iommuGroup: 1 }),
    gpu('0000:05:00.0', 2, 8),
    gpu('0000:26:00.0', 3, 1),
  ],
  parents: [],
  disk: {
    ...plainDisk,
    '/etc/modprobe.d': null,
    '/etc/modprobe.d/blacklist-amdgpu.conf': 'blacklist amdgpu\n',
  },
}

function gpu(address: string, iommuGroup: number, totalVfs: number): ScenarioPciDevice {
  return pciDevice(address, '1002:74a1', {
    subsystemVendor: '0x1002',
    subsystemDevice: '0x74a1',
    class: '0x120000',
    revision: '0x00',
    driver: 'gim',
    iommuGroup,
    function: memory(0x100_0000),
    sriov: {
      totalVfs,
      offset: 2,
      stride: 1,
      vfDevice: '0x74b5',
      vfDriver: null,
      vfFunction: memory(0x100_0000),
      driverConfigures: false,
    },
    gim: {
      profile: 0,
      profiles: [
        { index: 0, type: 'SPX', partitions: 1, memory: ['NPS1'] },
        { index: 3, type: 'CPX', partitions: 8, memory: ['NPS1', 'NPS4'] },
      ],
      memory: 'NPS1',
      memoryModes: ['NPS1', 'NPS4'],
      engines: { xcc: 8, sdma: 16, vcn: 4, jpeg: 32 },
    },
  })
}
