import { expect, onTestFinished, type TestContext } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import { findDeviceNode } from '../../../src/host/device-node.ts'
import type { Mapping } from '../../../src/kernel/kernel.ts'
import {
  vfioDeviceAttachIommufdPt,
  vfioDeviceBindIommufd,
  vfioDeviceDetachIommufdPt,
} from '../../../src/uapi/device.ts'
import {
  ioasMapFlag,
  iommuDestroy,
  iommufdRequest,
  iommuIoasAlloc,
  iommuIoasMap,
  iommuIoasUnmap,
} from '../../../src/uapi/iommufd.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encode, type Layout, type Values } from '../../../src/uapi/struct.ts'
import { allocate, bindForMode } from '../iommu-modes.ts'
import { page } from '../machine.ts'
import type { BoundPci, PciName } from '../pci.ts'

/** The bare descriptors of a device and of iommufd. */
export interface RawIommufd extends BoundPci {
  readonly iommufd: number
  /** The device's own node, opened. */
  openNode(): number
}

/** Those of an edu unless told, closed after the test, last first. */
export async function openRawIommufd(context: TestContext, name: PciName = 'edu'): Promise<RawIommufd> {
  const bound = await bindForMode(context, 'iommufd', name)
  const { kernel, group, address } = bound
  const opened: number[] = []
  onTestFinished(() => {
    for (const fd of opened.reverse()) kernel.close(fd)
  })
  const open = (path: string) => {
    const fd = kernel.open(path, 'rw')
    opened.push(fd)
    return fd
  }
  const node = findDeviceNode(kernel.files, { group, name: address })
  expect(node?.noiommu).toBe(false)
  return { ...bound, iommufd: open('/dev/iommu'), openNode: () => open(node?.path ?? '') }
}

export function bindDevice(
  { kernel }: RawIommufd,
  device: number,
  iommufd: number,
  values: { flags?: number; argsz?: number } = {},
): void {
  const bytes = encode(vfioDeviceBindIommufd, { argsz: vfioDeviceBindIommufd.size, iommufd, ...values })
  kernel.ioctl(device, request.VFIO_DEVICE_BIND_IOMMUFD, bytes)
}

export function attachDevice({ kernel }: RawIommufd, device: number, pt_id: number): number {
  const bytes = encode(vfioDeviceAttachIommufdPt, { argsz: vfioDeviceAttachIommufdPt.size, pt_id })
  kernel.ioctl(device, request.VFIO_DEVICE_ATTACH_IOMMUFD_PT, bytes)
  return decode(vfioDeviceAttachIommufdPt, bytes).pt_id
}

export function detachDevice({ kernel }: RawIommufd, device: number): void {
  const bytes = encode(vfioDeviceDetachIommufdPt, { argsz: vfioDeviceDetachIommufdPt.size })
  kernel.ioctl(device, request.VFIO_DEVICE_DETACH_IOMMUFD_PT, bytes)
}

/** A call on iommufd whose struct begins with its own size; `tail` bytes come behind it. */
export function callIommufd<L extends Layout>(
  { kernel, iommufd }: RawIommufd,
  number: number,
  layout: L,
  values: Partial<Values<L>>,
  tail: readonly number[] = [],
): Values<L> {
  const bytes = new Uint8Array(layout.size + tail.length)
  bytes.set(encode(layout, values))
  bytes.set(tail, layout.size)
  new DataView(bytes.buffer).setUint32(0, bytes.length, kernelOrder)
  kernel.ioctl(iommufd, number, bytes)
  return decode(layout, bytes)
}

export function allocateIoas(raw: RawIommufd, tail: readonly number[] = []): number {
  return callIommufd(raw, iommufdRequest.IOMMU_IOAS_ALLOC, iommuIoasAlloc, {}, tail).out_ioas_id
}

export function destroy(raw: RawIommufd, id: number): void {
  callIommufd(raw, iommufdRequest.IOMMU_DESTROY, iommuDestroy, { id })
}

export function unmapIoas(raw: RawIommufd, ioas_id: number, iova: bigint, length: bigint): bigint {
  return callIommufd(raw, iommufdRequest.IOMMU_IOAS_UNMAP, iommuIoasUnmap, { ioas_id, iova, length }).length
}

export const fixed = ioasMapFlag.IOMMU_IOAS_MAP_FIXED_IOVA
export const readable = ioasMapFlag.IOMMU_IOAS_MAP_READABLE

/** One page of new memory unless told otherwise. */
export function mapIoas(
  { kernel, iommufd }: RawIommufd,
  values: Partial<Values<typeof iommuIoasMap>>,
  target: Mapping = allocate(kernel, 2 * page),
): bigint {
  const bytes = encode(iommuIoasMap, { size: iommuIoasMap.size, length: BigInt(page), ...values })
  kernel.ioctl(iommufd, iommufdRequest.IOMMU_IOAS_MAP, bytes, [{ offset: iommuIoasMap.fields.user_va[0], target }])
  return decode(iommuIoasMap, bytes).iova
}
