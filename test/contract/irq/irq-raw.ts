import { onTestFinished, type TestContext } from 'vitest'
import type { DeviceAddress } from '../../../src/host/device-node.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { encodeIrqSet, type IrqSet, vfioIrqSet } from '../../../src/uapi/irq.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import type { Descriptor } from '../../../src/vfio/calls/descriptor.ts'
import { Device } from '../../../src/vfio/device.ts'
import { openAddressSpaceFor } from '../../../src/vfio/iommu/open-address-space.ts'
import type { ContractKernel } from '../kernel.ts'
import { answerOf } from '../kernel-answer.ts'
import { newMdev } from '../open-mdev.ts'
import { bindPci, type PciName } from '../pci.ts'

/** An open device and its descriptor, for calls that the library would not make. */
export interface RawDevice extends ContractKernel {
  readonly device: Device
  readonly descriptor: Descriptor
}

export async function openRawPci(context: TestContext, name: PciName): Promise<RawDevice> {
  const bound = await bindPci(context, name)
  return { ...bound, ...openRaw(bound.kernel, { group: bound.group, name: bound.address }) }
}

export function openRawMtty(context: TestContext): Promise<RawDevice> {
  return openRawMdev(context, 'mtty', 'mtty-2')
}

export async function openRawMdev(...[context, parent, type]: Parameters<typeof newMdev>): Promise<RawDevice> {
  const made = await newMdev(context, parent, type)
  return { ...made, ...openRaw(made.kernel, { group: made.group, name: made.uuid }) }
}

/** Closed after the test. */
export function openRaw(kernel: Kernel, address: DeviceAddress): { device: Device; descriptor: Descriptor } {
  const space = openAddressSpaceFor(kernel, address)
  const attachment = space.attach(address)
  space.closeWithLast()
  const device = new Device(attachment)
  onTestFinished(() => device.close())
  return { device, descriptor: attachment.descriptor }
}

export const [intx, msi, msix, err, req] = [0, 1, 2, 3, 4] as const

/** Answer of SET_IRQS: its number, or the errno's name. */
export function setIrqs(descriptor: Descriptor, set: IrqSet): number | string {
  return answerTo(descriptor, encodeIrqSet(set))
}

/** The same with an argsz or flags that no codec would write. */
export function setBadIrqs(
  descriptor: Descriptor,
  index: number,
  { argsz = vfioIrqSet.size, flags }: { argsz?: number; flags: number },
): number | string {
  return answerTo(descriptor, encode(vfioIrqSet, { argsz, flags, index, start: 0, count: 1 }))
}

function answerTo(descriptor: Descriptor, bytes: Uint8Array): number | string {
  return answerOf(() => descriptor.ioctl(request.VFIO_DEVICE_SET_IRQS, bytes))
}
