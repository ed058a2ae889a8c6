import type { Scenario, ScenarioMdevType, ScenarioModel, ScenarioPciFunction } from '../scenario/scenario.ts'
import { initramfsOf, pciDevice, plainDisk } from './host-parts.ts'

/** A header of a bridge, and Access Control Services as Linux turns them on for an IOMMU. */
const rootPort: ScenarioPciFunction = {
  kind: 'memory',
  configSize: 4096,
  config: { '0x0e': '01', '0x100': '0d0001001f001d00' },
  bars: {},
  rom: 0,
  reset: false,
}

/** A host as a fleet has them: a T4 shared as vGPUs, an Intel GPU with GVT-g, and the kernel's sample serial card. */
export const demo: Scenario = {
  name: 'demo',
  modules: {
    vfio: {},
    vfio_iommu_type1: { allow_unsafe_interrupts: 'N', disable_hugepages: 'N', dma_entry_limit: '65535' },
    vfio_virqfd: {},
    vfio_pci_core: {},
    vfio_pci: { disable_denylist: 'N', disable_idle_d3: 'N', disable_vga: 'N', enable_sriov: 'N', nointxmask: 'N' },
    irqbypass: {},
    mdev: {},
    kvm: {},
    mtty: {},
    nvidia: {},
    nvidia_vgpu_vfio: {},
    i915: { enable_gvt: 'Y' },
    kvmgt: {},
    ahci: {},
    e1000e: {},
    i2c_i801: {},
    snd_hda_intel: {},
  },
  pci: [
    pciDevice('0000:00:00.0', '8086:3e30', {
      class: '0x060000',
      revision: '0x0a',
      driver: 'skl_uncore',
      iommuGroup: 0,
    }),
    pciDevice('0000:00:02.0', '8086:3e98', { class: '0x030000', revision: '0x02', driver: 'i915', iommuGroup: 1 }),
    pciDevice('0000:00:17.0', '8086:a352', { class: '0x010601', revision: '0x10', driver: 'ahci', iommuGroup: 2 }),
    pciDevice('0000:00:1f.0', '8086:a305', { class: '0x060100', revision: '0x10', driver: null, iommuGroup: 3 }),
    pciDevice('0000:00:1f.3', '8086:a348', {
      class: '0x040300',
      revision: '0x10',
      driver: 'snd_hda_intel',
      iommuGroup: 3,
    }),
    pciDevice('0000:00:1f.4', '8086:a323', {
      class: '0x0c0500',
      revision: '0x10',
      driver: 'i801_smbus',
      iommuGroup: 3,
    }),
    pciDevice('0000:00:1f.6', '8086:15bc', { class: '0x020000', revision: '0x10', driver: 'e1000e', iommuGroup: 4 }),
    pciDevice('0000:3a:00.0', '8086:2030', {
      class: '0x060400',
      revision: '0x07',
      driver: 'pcieport',
      iommuGroup: 5,
      function: rootPort,
    }),
    pciDevice('0000:3b:00.0', '10de:1eb8', {
      class: '0x030200',
      revision: '0xa1',
      driver: 'nvidia',
      iommuGroup: 6,
      behind: ['0000:3a:00.0'],
      subsystemVendor: '0x10de',
      subsystemDevice: '0x12a2',
    }),
  ],
  parents: [
    {
      name: 'mtty',
      virtualClass: 'mtty',
      driver: 'mtty',
      module: 'mtty',
      deviceApi: 'vfio-pci',
      capacity: { ports: 24 },
      oneTypeAtATime: false,
      whenFull: 'ENOSPC',
      attributes: [{ path: 'vendor/sample_mdev_dev', value: 'This is MDEV {uuid}', access: 'r' }],
      types: [serialType('mtty-1', 'Single port serial', 1), serialType('mtty-2', 'Dual port serial', 2)],
    },
    {
      name: '0000:3b:00.0',
      driver: 'nvidia-vgpu-vfio',
      module: 'nvidia_vgpu_vfio',
      deviceApi: 'vfio-pci',
      capacity: { framebufferMiB: 16384 },
      oneTypeAtATime: true,
      whenFull: 'EINVAL',
      attributes: [
        { path: 'nvidia/vgpu_params', value: '', access: 'rw', dropsLastByte: true },
        { path: 'nvidia/vm_name', value: '', access: 'r' },
      ],
      types: [
        nvidiaType('nvidia-222', 'GRID T4-1B', { frameRate: 45, framebuffer: 1024, resolution: '5120x2880' }),
        nvidiaType('nvidia-230', 'GRID T4-1Q', { frameRate: 60, framebuffer: 1024, resolution: '5120x2880' }),
        nvidiaType('nvidia-232', 'GRID T4-4Q', { frameRate: 60, framebuffer: 4096, resolution: '7680x4320' }),
        nvidiaType('nvidia-233', 'GRID T4-8Q', { frameRate: 60, framebuffer: 8192, resolution: '7680x4320' }),
        nvidiaType('nvidia-234', 'GRID T4-16Q', { frameRate: 60, framebuffer: 16384, resolution: '7680x4320' }),
      ],
    },
    {
      name: '0000:00:02.0',
      driver: 'intel_vgpu_mdev',
      module: 'kvmgt',
      deviceApi: 'vfio-pci',
      capacity: { lowGraphicsMemoryMB: 128, highGraphicsMemoryMB: 3712, fences: 28 },
      oneTypeAtATime: false,
      whenFull: 'ENOSPC',
      attributes: [{ path: 'intel_vgpu/vgpu_id', value: '{ordinal}', access: 'r' }],
      types: [
        gvtType('GVTg_V5_4', { low: 128, high: 512, resolution: '1920x1200', weight: 4 }),
        gvtType('GVTg_V5_8', { low: 64, high: 384, resolution: '1024x768', weight: 2 }),
      ],
    },
  ],
  disk: { ...plainDisk, ...initramfsOf('6.1.0') },
}

function serialType(id: string, name: string, ports: 1 | 2): ScenarioMdevType {
  return { id, name, description: null, uses: { ports }, model: { kind: 'mtty', ports } }
}

function nvidiaType(
  id: string,
  name: string,
  { frameRate, framebuffer, resolution }: { frameRate: number; framebuffer: number; resolution: string },
): ScenarioMdevType {
  const description = [
    'num_heads=4',
    `frl_config=${frameRate}`,
    `framebuffer=${framebuffer}M`,
    `max_resolution=${resolution}`,
    `max_instance=${16384 / framebuffer}`,
  ].join(', ')
  const model: ScenarioModel = {
    kind: 'vgpu',
    vendor: 0x10de,
    device: 0x1eb8,
    subsystemVendor: 0x10de,
    subsystemDevice: 0x1309,
    class: 0x03_00_00,
    revision: 0xa1,
    framebufferMiB: framebuffer,
  }
  return { id, name, description, uses: { framebufferMiB: framebuffer }, model }
}

function gvtType(
  name: string,
  { low, high, resolution, weight }: { low: number; high: number; resolution: string; weight: number },
): ScenarioMdevType {
  const description = [
    `low_gm_size: ${low}MB`,
    `high_gm_size: ${high}MB`,
    'fence: 4',
    `resolution: ${resolution}`,
    `weight: ${weight}`,
  ].join('\n')
  const model: ScenarioModel = {
    kind: 'plain',
    vendor: 0x8086,
    device: 0x3e98,
    subsystemVendor: 0x1028,
    subsystemDevice: 0x0869,
    class: 0x03_00_00,
    revision: 0x02,
    barSize: 16 * 2 ** 20,
  }
  const uses = { lowGraphicsMemoryMB: low, highGraphicsMemoryMB: high, fences: 4 }
  return { id: `i915-${name}`, name, description, uses, model }
}
