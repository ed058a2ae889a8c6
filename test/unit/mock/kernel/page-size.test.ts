import { describe, expect, onTestFinished, test } from 'vitest'
import { chooseIova } from '../../../../src/mock/iommufd/choose-iova.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { createMockHost, type DeviceContext, MdevModel, MemoryRegion } from '../../../../src/mock.ts'
import {
  decodeType1Info,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
  vfioIommuType1Info,
} from '../../../../src/uapi/container.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { encode } from '../../../../src/uapi/struct.ts'
import { codeOf, createMdev, openMdev, uuid } from '../machine.ts'
import { edu, openPci, pciKernel, pciScenario, toVfio } from '../pci/pci-scenario.ts'
import { Bare, openModel, readWrite } from '../sdk/open-model.ts'

const pageSize = 16384
const page = BigInt(pageSize)

async function openEdu() {
  const kernel = pciKernel({ pageSize })
  await toVfio(kernel, edu)
  return { kernel, ...openPci(kernel, edu) }
}

function pageSizesOf(kernel: ReturnType<typeof pciKernel>, container: number): bigint | null {
  const bytes = new Uint8Array(256)
  bytes.set(encode(vfioIommuType1Info, { argsz: 256 }))
  kernel.ioctl(container, request.VFIO_IOMMU_GET_INFO, bytes)
  return decodeType1Info(bytes).pageSizes
}

describe('on a machine whose pages are of 16 KiB', () => {
  test('memory comes in such pages', () => {
    const kernel = pciKernel({ pageSize })
    expect(kernel.pageSize).toBe(pageSize)
    expect(codeOf(() => kernel.allocateMemory({ size: 4096, kind: 'anonymous' }))).toBe('EINVAL')
    const memory = kernel.allocateMemory({ size: 2 * pageSize, kind: 'anonymous' })
    expect(kernel.pageFrames(memory, 0, 2)).toHaveLength(2)
    expect(() => kernel.pageFrames(memory, 4096, 1)).toThrow(RangeError)
  })

  test('type1 maps and unmaps whole pages, and nothing less', async () => {
    const { kernel, container } = await openEdu()
    const memory = kernel.allocateMemory({ size: 2 * pageSize, kind: 'anonymous' })
    const map = (iova: bigint, size: bigint) => {
      const bytes = encode(vfioIommuType1DmaMap, { argsz: 32, flags: 3, vaddr: 0n, iova, size })
      return codeOf(() => kernel.ioctl(container, request.VFIO_IOMMU_MAP_DMA, bytes, [{ offset: 8, target: memory }]))
    }
    const unmap = (iova: bigint, size: bigint) => {
      const bytes = encode(vfioIommuType1DmaUnmap, { argsz: 24, flags: 0, iova, size })
      return codeOf(() => kernel.ioctl(container, request.VFIO_IOMMU_UNMAP_DMA, bytes))
    }
    expect([map(page, 0x1000n), map(0x1000n, page), map(page, page)]).toEqual(['EINVAL', 'EINVAL', null])
    expect([unmap(page, 0x1000n), unmap(page, page), map(page, 2n * page)]).toEqual(['EINVAL', null, null])
  })

  test('type1 tells the sizes from its page on, of a device behind an IOMMU and of a mediated one', async () => {
    const { kernel, container } = await openEdu()
    expect(pageSizesOf(kernel, container)).toBe(0x4020_4000n)
    await createMdev(kernel, 'mtty-1', uuid)
    expect(pageSizesOf(kernel, openMdev(kernel, uuid).container)).toBe(0xffff_ffff_ffff_c000n)
  })

  test('mmap takes offsets of whole pages alone', async () => {
    const { kernel, device } = await openEdu()
    const mmap = (offset: number) => codeOf(() => kernel.mmap(device, { offset, length: pageSize, access: 'rw' }))
    expect([0, 4096, pageSize].map(mmap)).toEqual([null, 'EINVAL', null])
  })

  test('iommufd chooses no address in the first page', () => {
    const of = { size: 1n, address: 0n, page, alignment: 1n, allowed: [], taken: [] }
    expect(chooseIova(of)).toBe(page)
    expect(chooseIova({ ...of, page: 4096n })).toBe(4096n)
  })

  test('what a driver of a mediated device pins is a page, and all of it counts', async () => {
    const { mock, device, model } = await openModel((context) => new Bare(context), { scenario: { ...demo, pageSize } })
    const { memory } = model.context
    memory.onUnmap(() => memory.unpin(buffer.iova, 2))
    await using buffer = await device.dma.allocate(2 * pageSize)
    memory.pin(buffer.iova, 2, readWrite)
    expect(mock.inspect.pinned.map(({ iova }) => iova)).toEqual([buffer.iova, buffer.iova + page])
    expect(mock.inspect.lockedBytes).toBe(2n * page)
  })

  test('a model that supplies pages is asked for each of them', async () => {
    const faults: number[] = []
    class Window extends MdevModel {
      readonly memory: MemoryRegion

      constructor(context: DeviceContext) {
        super(context)
        const fault = (number: number) => faults.push(number) > 0
        const options = { size: 2 * pageSize, pageSize: context.traits.pageSize, mmap: { fault } }
        this.memory = this.addRegion(0, new MemoryRegion(options))
      }
    }
    const { device } = await openModel((context) => new Window(context), { scenario: { ...demo, pageSize } })
    using mapped = device.regions.bar0.map()
    for (const at of [0, 4096, pageSize, 2 * pageSize - 4]) mapped.write32(at, 1)
    expect(faults).toEqual([0, 1])
    expect(device.regions.bar0.read32(pageSize)).toBe(1)
  })

  test.each(['type1v2', 'iommufd'] as const)(
    'the library maps a buffer of one byte as a page, in %s',
    async (iommu) => {
      const modules = { ...pciScenario.modules, iommufd: {} }
      const mock = createMockHost({ ...pciScenario, pageSize, modules, kernel: '7' })
      const host = mock.host()
      onTestFinished(() => host.close())
      await host.bind({ device: edu })
      await using device = await host.openDevice(edu, { iommu })
      await using buffer = await device.dma.allocate(1)
      expect([buffer.size, buffer.iova % page]).toEqual([pageSize, 0n])
      expect(mock.inspect.lockedBytes).toBe(page)
    },
  )
})
