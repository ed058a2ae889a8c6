import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario, ScenarioPciDevice, ScenarioPciFunction } from '../../../../src/mock/scenario/scenario.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { cString, int32 } from '../machine.ts'

export const edu = '0000:00:03.0'
export const [first, second] = ['0000:02:01.0', '0000:02:02.0'] as const
export const bridge = '0000:00:05.0'
export const card = '0000:03:00.0'

const eduFunction: ScenarioPciFunction = {
  kind: 'edu',
  configSize: 256,
  // memory and I/O on; an address for BAR0; a capability list of MSI alone; INTA
  config: { '0x04': '03001000', '0x10': '0000a0fe', '0x34': '40', '0x3d': '01', '0x40': '05008000' },
  bars: { '0': 0x10_0000 },
  rom: 0,
  reset: false,
}

/** A card with all there is: 32-bit, I/O and 64-bit BARs, a ROM, MSI-X of four vectors in BAR3, PCI Express, reset. */
const cardFunction: ScenarioPciFunction = {
  kind: 'memory',
  configSize: 4096,
  config: {
    '0x04': '03001000',
    '0x10': '000044fe',
    '0x18': '01c0',
    '0x1c': '040048fe',
    '0x30': '000040fe',
    '0x34': '50',
    '0x3d': '01',
    '0x50': '0160',
    '0x60': '117003000300000003200000',
    '0x70': '1000',
  },
  bars: { '0': 0x2_0000, '2': 0x20, '3': 0x4000 },
  rom: 0x4_0000,
  reset: true,
}

function endpoint(address: string, iommuGroup: number, more: Partial<ScenarioPciDevice>): ScenarioPciDevice {
  const ids = { vendor: '0x1234', device: '0x11e8', subsystemVendor: '0x1af4', subsystemDevice: '0x1100' }
  return { address, ...ids, class: '0x00ff00', revision: '0x10', driver: null, iommuGroup, numaNode: -1, ...more }
}

/** Devices alone and in one group, below a bridge; `second` has a driver of its own. */
export const pciScenario: Scenario = {
  ...demo,
  name: 'pci',
  parents: demo.parents.filter(({ name }) => name === 'mtty'),
  pci: [
    endpoint(edu, 3, { function: eduFunction }),
    endpoint(bridge, 5, { class: '0x060400' }),
    endpoint(first, 5, { behind: [bridge], function: eduFunction }),
    endpoint(second, 5, { behind: [bridge], driver: 'snd_hda_intel', function: eduFunction }),
    endpoint(card, 16, { class: '0x020000', function: cardFunction }),
    endpoint('0000:00:01.0', 0, { iommuGroup: null }),
  ],
}

export function pciKernel(more: Partial<Scenario> = {}): Kernel {
  return createMockKernel({ ...pciScenario, ...more })
}

export function driverOf({ files }: Kernel, address: string): string | null {
  const link = `/sys/bus/pci/devices/${address}/driver`
  return files.kind(link) === null ? null : (files.readlink(link).split('/').at(-1) ?? null)
}

export async function toVfio({ files }: Kernel, ...addresses: string[]): Promise<void> {
  for (const address of addresses) {
    const path = `/sys/bus/pci/devices/${address}`
    await files.write(`${path}/driver_override`, 'vfio-pci\n')
    if (files.kind(`${path}/driver`) !== null) await files.write(`${path}/driver/unbind`, address)
    await files.write('/sys/bus/pci/drivers_probe', address)
  }
}

/** Container, group and device, opened the usual way; `type` 1 or 3. */
export function openPci(kernel: Kernel, address: string, type = 3) {
  const group = kernel.files.readlink(`/sys/bus/pci/devices/${address}/iommu_group`).split('/').at(-1)
  const container = kernel.open('/dev/vfio/vfio', 'rw')
  const groupFd = kernel.open(`/dev/vfio/${group}`, 'rw')
  kernel.ioctl(groupFd, request.VFIO_GROUP_SET_CONTAINER, int32(container))
  kernel.ioctl(container, request.VFIO_SET_IOMMU, type)
  const device = kernel.ioctl(groupFd, request.VFIO_GROUP_GET_DEVICE_FD, cString(address))
  return { container, group: groupFd, device }
}

export async function openEdu(type = 3) {
  const kernel = pciKernel()
  await toVfio(kernel, edu)
  return { kernel, ...openPci(kernel, edu, type) }
}
