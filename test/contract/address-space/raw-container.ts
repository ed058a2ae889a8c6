import { onTestFinished, type TestContext } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import type { Kernel, Mapping } from '../../../src/kernel/kernel.ts'
import { dmaMapFlag, extension, vfioIommuType1DmaMap, vfioIommuType1DmaUnmap } from '../../../src/uapi/container.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encode } from '../../../src/uapi/struct.ts'
import { allocate, bindForMode, type TranslatingMode } from '../iommu-modes.ts'
import { page } from '../machine.ts'

const iova = 0x10_0000n

/** The bare descriptors of a group and of a container. */
export interface RawContainer {
  readonly kernel: Kernel
  readonly address: string
  readonly container: number
  readonly group: number
  open(path: string): number
  setContainer(container?: number): number
  openDevice(): number
}

export type ContainerMode = Exclude<TranslatingMode, 'iommufd'>

/** Those of an edu, closed after the test, last first; VFIO's own container or iommufd's. */
export async function openRawContainer(context: TestContext, mode: ContainerMode = 'type1v2'): Promise<RawContainer> {
  return rawContainer(await bindForMode(context, mode, 'edu'), mode)
}

/** Likewise of any device that is alone in its group. */
export function rawContainer(
  { kernel, group: number, address }: { kernel: Kernel; group: number; address: string },
  mode: ContainerMode,
): RawContainer {
  const opened: number[] = []
  onTestFinished(() => {
    for (const fd of opened.reverse()) kernel.close(fd)
  })
  const closed = (fd: number) => {
    opened.push(fd)
    return fd
  }
  const open = (path: string) => closed(kernel.open(path, 'rw'))
  const [container, group] = [open(pathOf(mode)), open(`/dev/vfio/${number}`)]
  const setContainer = (fd = container) => kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(fd))
  const name = Buffer.from(`${address}\0`)
  const openDevice = () => closed(kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, name))
  return { kernel, address, container, group, open, setContainer, openDevice }
}

/** The same with its IOMMU set. */
export async function openTranslating(context: TestContext, mode: ContainerMode): Promise<RawContainer> {
  return translating(await openRawContainer(context, mode), mode)
}

export function translating(raw: RawContainer, mode: ContainerMode): RawContainer {
  raw.setContainer()
  const { VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU } = extension
  raw.kernel.ioctl(raw.container, request.VFIO_SET_IOMMU, mode.endsWith('v2') ? VFIO_TYPE1v2_IOMMU : VFIO_TYPE1_IOMMU)
  return raw
}

function pathOf(mode: ContainerMode): string {
  return mode.startsWith('compat') ? '/dev/iommu' : '/dev/vfio/vfio'
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, kernelOrder)
  return bytes
}

export type MapValues = { iova?: bigint; size?: bigint; flags?: number }

/** New memory, 2 MiB or what it is given. */
export function mapDma(
  { kernel, container }: RawContainer,
  values: MapValues = {},
  target: Mapping = allocate(kernel, 0x20_0000),
): void {
  const { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } = dmaMapFlag
  const flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE
  const bytes = encode(vfioIommuType1DmaMap, {
    argsz: vfioIommuType1DmaMap.size,
    flags,
    iova,
    size: BigInt(page),
    ...values,
  })
  kernel.ioctl(container, request.VFIO_IOMMU_MAP_DMA, bytes, [{ offset: 8, target }])
}

export function unmapDma({ kernel, container }: RawContainer, at: bigint, size: bigint, flags = 0): bigint {
  const bytes = encode(vfioIommuType1DmaUnmap, { argsz: vfioIommuType1DmaUnmap.size, flags, iova: at, size })
  kernel.ioctl(container, request.VFIO_IOMMU_UNMAP_DMA, bytes)
  return decode(vfioIommuType1DmaUnmap, bytes).size
}
