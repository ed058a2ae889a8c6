import type { Scenario, ScenarioPciDevice } from '../scenario/scenario.ts'
import { memory, pciDevice, plainDisk } from './host-parts.ts'

const gib = 2 ** 30

/**
 * A workstation of 2026 with two of Intel's Arc Pro cards, of 16 and 24 GiB, and the GPU of its processor (Panther
 * Lake): virtual functions share each, of the cards VRAM too. The numbers of functions are those of no card in
 * particular. With `kernel: '6.19'` Linux shares time alone, with '6.12' nothing by hand.
 */
export const arcPro: Scenario = {
  name: 'arc-pro',
  kernel: '7',
  modules: {
    vfio: { enable_unsafe_noiommu_mode: 'N' },
    vfio_iommu_type1: {
      allow_unsafe_interrupts: 'N',
      disable_hugepages: 'N',
      dma_entry_limit: '65535',
    },
    vfio_pci_core: {},
    vfio_pci: {
      disable_denylist: 'N',
      disable_idle_d3: 'N',
      disable_vga: 'N',
      enable_sriov: 'N',
      nointxmask: 'N',
    },
    irqbypass: {},
    kvm: {},
    xe: {},
    nvme: {},
  },
  variantDrivers: [
    {
      module: 'xe_vfio_pci',
      driver: 'xe-vfio-pci',
      aliases: ['B080', 'E211', 'E212'].map((device) => `v00008086d0000${device}sv*sd*bc*sc*i*`),
    },
  ],
  pci: [
    pciDevice('0000:00:00.0', '8086:b000', {
      class: '0x060000',
      revision: '0x01',
      driver: null,
      iommuGroup: 0,
    }),
    gpu('0000:00:02.0', '0xb080', { iommuGroup: 1, vram: 0, totalVfs: 7 }),
    pciDevice('0000:01:00.0', '144d:a80a', {
      class: '0x010802',
      revision: '0x00',
      driver: 'nvme',
      iommuGroup: 2,
    }),
    gpu('0000:03:00.0', '0xe212', {
      iommuGroup: 3,
      vram: 15 * gib,
      totalVfs: 12,
    }),
    gpu('0000:04:00.0', '0xe211', {
      iommuGroup: 4,
      vram: 23 * gib,
      totalVfs: 24,
    }),
  ],
  parents: [],
  disk: plainDisk,
}

function gpu(
  address: string,
  device: string,
  {
    iommuGroup,
    vram,
    totalVfs,
  }: {
    readonly iommuGroup: number
    readonly vram: number
    readonly totalVfs: number
  },
): ScenarioPciDevice {
  return {
    ...pciDevice(address, `8086:${device.slice(2)}`, {
      class: '0x030000',
      revision: '0x00',
      driver: 'xe',
      iommuGroup,
    }),
    subsystemVendor: '0x8086',
    subsystemDevice: '0x1114',
    function: memory(0x100_0000),
    sriov: {
      totalVfs,
      offset: 1,
      stride: 1,
      vfDevice: device,
      vfDriver: 'xe',
      vfFunction: memory(0x100_0000),
      driverConfigures: true,
    },
    xe: { vram },
  }
}
