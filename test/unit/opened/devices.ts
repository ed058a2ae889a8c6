import { onTestFinished } from 'vitest'
import { Host } from '../../../src/host.ts'
import { createMockHost } from '../../../src/mock.ts'
import type { DeviceAddressSpace } from '../../../src/vfio/address-space/attachment.ts'
import type { Device } from '../../../src/vfio/device.ts'
import { vmScenarioNamed } from '../../contract/vm-scenario.ts'
import { openDescriptors } from '../../descriptors.ts'

/** Devices of every kind, opened on one machine. */
export interface Devices {
  readonly host: Host
  readonly edu: Device
  /** In a container; the others are iommufd's. */
  readonly nvme: Device
  /** It shows a picture. */
  readonly display: Device
  readonly serial: Device
  /** That of edu, with room for more. */
  readonly space: DeviceAddressSpace
  /** The descriptors that were open before. */
  readonly before: readonly string[]
}

const addresses = { edu: '0000:00:03.0', nvme: '0000:04:00.0' }
const display = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'
const serial = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1003'

/** A device that is not opened. */
export const behindRootPort = { group: 15, name: '0000:01:00.0' }

/** A mode of Bochs VBE, by its registers: width, height, bits of a pixel, on. */
const mode: ReadonlyMap<number, number> = new Map([
  [0x502, 640],
  [0x504, 480],
  [0x506, 32],
  [0x508, 1],
])

export async function openDevices(ended: typeof onTestFinished = onTestFinished): Promise<Devices> {
  const host = new Host(createMockHost(vmScenarioNamed('mock-7')).kernel)
  ended(() => host.close())
  for (const device of [...Object.values(addresses), behindRootPort.name]) await host.bind({ device })
  await host.start({ name: display, parent: 'mbochs', type: 'mbochs-small' })
  await host.start({ name: serial, parent: 'mtty', type: 'mtty-1' })
  const before = openDescriptors(host.kernel)
  const space = await host.openAddressSpace({ iommu: 'iommufd' })
  const opened = {
    host,
    space,
    before,
    edu: await host.openDevice(addresses.edu, { addressSpace: space }),
    nvme: await host.openDevice(addresses.nvme, { iommu: 'type1v2' }),
    display: await host.openDevice(display),
    serial: await host.openDevice(serial),
  }
  for (const [at, value] of mode) opened.display.regions.bar2.write16(at, value)
  return opened
}

/** Everything that was opened on the host. */
export function closeAll({ edu, nvme, display, serial, space }: Devices): void {
  for (const one of [edu, nvme, display, serial, space]) one.close()
}
