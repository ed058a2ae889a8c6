import type { Kernel } from '../../../src/kernel/kernel.ts'
import { request } from '../../../src/uapi/requests.ts'

export const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
export const otherUuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'

export function typePath(parent: string, type: string): string {
  return `/sys/class/mdev_bus/${parent}/mdev_supported_types/${type}`
}

export function createMdev(kernel: Kernel, type: string, name: string, parent = 'mtty'): Promise<void> {
  return kernel.files.write(`${typePath(parent, type)}/create`, name)
}

export function removeMdev(kernel: Kernel, name: string): Promise<void> {
  return kernel.files.write(`/sys/bus/mdev/devices/${name}/remove`, '1\n')
}

export function available(kernel: Kernel, parent: string, type: string): number {
  return Number(kernel.files.read(`${typePath(parent, type)}/available_instances`))
}

/** Any UUID but those above. */
export function numbered(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
}

export function groupPath(kernel: Kernel, name: string): string {
  return `/dev/vfio/${kernel.files.readlink(`/sys/bus/mdev/devices/${name}/iommu_group`).split('/').at(-1)}`
}

export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}

export function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`)
}

/** Container, group and device of an mdev, opened the usual way. */
export function openMdev(kernel: Kernel, name: string): { container: number; group: number; device: number } {
  const container = kernel.open('/dev/vfio/vfio', 'rw')
  const group = kernel.open(groupPath(kernel, name), 'rw')
  kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container))
  kernel.ioctl(container, request.VFIO_SET_IOMMU, 1)
  const device = kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(name))
  return { container, group, device }
}

/** A struct of 32-bit fields, whose first is argsz. */
export function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of values.entries()) view.setUint32(4 * index, value, true)
  return bytes
}

export function wordAt(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true)
}

/** The code of the failure, null where there is none. */
export function codeOf(work: () => unknown): unknown {
  try {
    work()
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

export async function asyncCodeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return null
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

/** Registers of mtty's port at BAR0 or BAR1, a byte each. */
export function port(kernel: Kernel, device: number, bar = 0) {
  const base = bar * 2 ** 40
  return {
    read(offset: number): number {
      const byte = new Uint8Array(1)
      kernel.pread(device, byte, base + offset)
      return byte[0] ?? -1
    },
    write(offset: number, ...values: number[]): void {
      for (const value of values) kernel.pwrite(device, Uint8Array.of(value), base + offset)
    },
  }
}
