import type { Scenario, ScenarioPciDevice, ScenarioPciFunction } from '../../src/mock/scenario/scenario.ts'
import { demo } from '../../src/mock/shipped/demo.ts'
import { ccwParent } from '../../src/mock/shipped/mainframe.ts'
import { sampleDisplays } from '../../src/mock/shipped/sample-displays.ts'

/**
 * The virtual machine of scripts/vm on the mock: the same devices at the same addresses, in the same groups, with the
 * configuration spaces that vfio-pci of Linux 6.1 showed there, and mtty. What is behind the BARs is modelled for edu,
 * nvme and pci-testdev; those of the others are memory.
 */
export const vmScenario: Scenario = {
  name: 'lab',
  modules: {
    vfio: {},
    vfio_iommu_type1: { allow_unsafe_interrupts: 'N', disable_hugepages: 'N', dma_entry_limit: '65535' },
    vfio_virqfd: {},
    vfio_pci_core: {},
    vfio_pci: { disable_denylist: 'N', disable_idle_d3: 'N', disable_vga: 'N', enable_sriov: 'N', nointxmask: 'N' },
    irqbypass: {},
    mdev: {},
    mtty: {},
    mdpy: { count: '4' },
    mbochs: { count: '256' },
    shpchp: {},
    virtio_pci: {},
  },
  pci: [
    pci('0000:00:00.0', '8086:29c0', '0x060000', 0),
    pci('0000:00:01.0', '1af4:1009', '0x000200', 1, { driver: 'virtio-pci' }),
    pci('0000:00:02.0', '1af4:1009', '0x000200', 2, { driver: 'virtio-pci' }),
    pci('0000:00:03.0', '1234:11e8', '0x00ff00', 3, edu('0000a0fe', '0b')),
    pci('0000:00:04.0', '1b36:000c', '0x060400', 4, { driver: 'pcieport' }),
    pci('0000:00:05.0', '1b36:000e', '0x060400', 5),
    pci('0000:00:06.0', '1b36:000c', '0x060400', 6, { driver: 'pcieport' }),
    pci('0000:00:07.0', '1b36:000c', '0x060400', 7, { driver: 'pcieport' }),
    pci('0000:00:08.0', '1b36:0005', '0x00ff00', 8, {
      function: memory(
        { '0x04': '03010000', '0x10': '0020b1fe01e0' },
        { '0': 0x1000, '1': 0x100 },
        { kind: 'pci-testdev', configSize: 256 },
      ),
    }),
    pci('0000:00:09.0', '1af4:1110', '0x050000', 9, {
      revision: '0x01',
      function: memory(
        { '0x04': '03010000', '0x10': '0030b1fe000000000c0080fd' },
        { '0': 0x100, '2': 0x10_0000 },
        { configSize: 256 },
      ),
    }),
    pci('0000:00:0a.0', '1234:1111', '0x038000', 10, {
      revision: '0x02',
      function: memory(
        {
          '0x04': '03011000',
          '0x10': '080000fc000000000040b1fe',
          '0x30': '0000b0fe80',
          '0x80': '1000920000800000000000001104000000001100',
        },
        { '0': 0x100_0000, '2': 0x1000 },
        { rom: 0x8000 },
      ),
    }),
    pci('0000:00:0b.0', '1b36:000d', '0x0c0330', 11, {
      revision: '0x01',
      function: memory(
        {
          '0x04': '03011000',
          '0x10': '0480b0fe',
          '0x34': '90',
          '0x3c': '0b01',
          '0x60': '30',
          '0x90': '11a00f000030000000380000',
          '0xa0': '1000920000800000000000001104000000001100',
        },
        { '0': 0x4000 },
      ),
    }),
    pci('0000:00:1f.0', '8086:2918', '0x060100', 14, { revision: '0x02' }),
    pci('0000:00:1f.2', '8086:2922', '0x010601', 14, { revision: '0x02' }),
    pci('0000:00:1f.3', '8086:2930', '0x0c0500', 14, { revision: '0x02' }),
    pci('0000:01:00.0', '1234:11e8', '0x00ff00', 15, {
      behind: ['0000:00:04.0'],
      ...edu('000080fe', '0a', { reset: true }),
    }),
    pci('0000:02:01.0', '1234:11e8', '0x00ff00', 5, { behind: ['0000:00:05.0'], ...edu('000060fe', '0b') }),
    pci('0000:02:02.0', '1234:11e8', '0x00ff00', 5, { behind: ['0000:00:05.0'], ...edu('000070fe', '0b') }),
    pci('0000:03:00.0', '8086:10d3', '0x020000', 16, {
      behind: ['0000:00:06.0'],
      subsystemVendor: '0x8086',
      subsystemDevice: '0x0000',
      function: memory(
        {
          '0x04': '03011000',
          '0x10': '000044fe000046fe01c00000000048fe',
          '0x30': '000040fec8',
          '0x3c': '0b01',
          '0xa0': '110004000300000003200000',
          '0xc8': '01d0220000000000',
          '0xd0': '05e08000',
          '0xe0': '10a0010000800000000000001104000000001100',
          '0x100': '01000214000000000000000030204600',
          '0x114': '00e00000a0',
          '0x140': '03000100563412ffff005452',
        },
        { '0': 0x2_0000, '1': 0x2_0000, '2': 0x20, '3': 0x4000 },
        { rom: 0x4_0000, reset: true },
      ),
    }),
    pci('0000:04:00.0', '1b36:0010', '0x010802', 17, {
      behind: ['0000:00:07.0'],
      revision: '0x02',
      function: memory(
        {
          '0x04': '03011000',
          '0x10': '040020fe',
          '0x34': '40',
          '0x3c': '0b01',
          '0x40': '118003000020000000300000',
          '0x60': '0100030008000000',
          '0x80': '1060020000800010000000001104000000001100',
          '0x100': '0e0001120001',
          '0x120': '100001000000000010000000040004000000000001000100000010005305000001000000044020fe',
        },
        { '0': 0x4000 },
        { kind: 'nvme', serial: 'vfioctl', reset: true },
      ),
      sriov: {
        totalVfs: 4,
        offset: 1,
        stride: 1,
        vfDevice: '0x0010',
        vfDriver: null,
        vfFunction: memory(
          {
            '0x04': '02001000',
            '0x10': '044020fe',
            '0x34': '40',
            '0x3c': '0001',
            '0x40': '118000000020000000300000',
            '0x60': '0100030008000000',
            '0x80': '1060020000800010000000001104000000001100',
            '0x100': '0e0001000001',
          },
          { '0': 0x4000 },
          { reset: true },
        ),
        driverConfigures: true,
      },
    }),
  ],
  parents: [...demo.parents.filter(({ name }) => name === 'mtty'), ...sampleDisplays],
  disk: demo.disk,
}

/** It is part of vfio since Linux 6.3. */
const { vfio_virqfd: _, ...withoutVirqfd } = vmScenario.modules

const onLinux7: Scenario = {
  ...vmScenario,
  kernel: '7',
  modules: { ...withoutVirqfd, vfio: { enable_unsafe_noiommu_mode: 'N' }, iommufd: { allow_unsafe_interrupts: 'N' } },
}

/** A mainframe: no PCI devices, and subchannels with devices of QEMU's, whose driver can be taken away. */
const onMainframe: Scenario = {
  ...onLinux7,
  modules: { ...onLinux7.modules, vfio_ccw: {} },
  pci: [],
  css: ['0.0.0000', '0.0.0001'].map((id, index) => ({
    id,
    device: `0.0.031${4 + index}`,
    deviceType: '0000/00',
    controlUnit: '3832/04',
    chpids: '00 00 00 00 00 00 00 00',
    pimpampom: '80 80 ff',
    driver: 'io_subchannel',
  })),
  parents: [...vmScenario.parents, ccwParent('0.0.0000'), ccwParent('0.0.0001')],
}

/** By the name that VFIOCTL_TEST_KERNEL has for it: the same machine with another kernel, and without an IOMMU. */
const vmScenarios: Readonly<Record<string, Scenario>> = {
  'mock-6.1': vmScenario,
  // `test/vitest.config.ts` turns the byte order
  'mock-6.1-big-endian': vmScenario,
  'mock-6.12': { ...vmScenario, kernel: '6.12', modules: withoutVirqfd },
  // as on arm64, a device's group may come with its first driver
  'mock-6.12-16k': {
    ...vmScenario,
    kernel: '6.12',
    pageSize: 16_384,
    modules: withoutVirqfd,
    pci: vmScenario.pci.map((it) => (it.address === '0000:00:0a.0' ? { ...it, groupedWhenProbed: true } : it)),
  },
  'mock-7': onLinux7,
  'mock-7-mainframe-big-endian': onMainframe,
  'mock-7-64k': { ...onLinux7, pageSize: 65_536 },
  'mock-7-noiommu': {
    ...onLinux7,
    modules: { ...onLinux7.modules, vfio: { enable_unsafe_noiommu_mode: 'Y' } },
    pci: onLinux7.pci.map((device) => ({ ...device, iommuGroup: null })),
  },
}

/** The scenario that VFIOCTL_TEST_KERNEL names. */
export function vmScenarioUnderTest(): Scenario {
  return vmScenarioNamed(process.env['VFIOCTL_TEST_KERNEL'] ?? 'mock-6.1')
}

export function vmScenarioNamed(name: string): Scenario {
  const found = new Map(Object.entries(vmScenarios)).get(name)
  if (found !== undefined) return found
  throw new Error(`VFIOCTL_TEST_KERNEL is linux or ${Object.keys(vmScenarios).join(', ')}, not ${name}`)
}

function pci(
  address: string,
  id: string,
  classCode: string,
  iommuGroup: number,
  more: Partial<ScenarioPciDevice> = {},
): ScenarioPciDevice {
  const [vendor = '', device = ''] = id.split(':').map((part) => `0x${part}`)
  const subsystem = { subsystemVendor: '0x1af4', subsystemDevice: '0x1100' }
  const rest = { class: classCode, revision: '0x00', driver: null, iommuGroup, numaNode: -1 }
  return { address, vendor, device, ...subsystem, ...rest, ...more }
}

/** `bar0` and `line` as they stand in the configuration space. */
function edu(bar0: string, line: string, { reset = false } = {}): Pick<ScenarioPciDevice, 'revision' | 'function'> {
  const config = { '0x04': '03011000', '0x10': bar0, '0x34': '40', '0x3c': `${line}01`, '0x40': '05008000' }
  return {
    revision: '0x10',
    function: { kind: 'edu', configSize: 256, config, bars: { '0': 0x10_0000 }, rom: 0, reset },
  }
}

function memory(
  config: ScenarioPciFunction['config'],
  bars: ScenarioPciFunction['bars'],
  more: Partial<ScenarioPciFunction> = {},
): ScenarioPciFunction {
  return { kind: 'memory', configSize: 4096, config, bars, rom: 0, reset: false, ...more }
}
