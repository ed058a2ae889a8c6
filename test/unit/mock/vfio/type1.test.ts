import { describe, expect, test } from 'vitest'
import { memlockLimit } from '../../../../src/host/memlock-limit.ts'
import type { IoctlPointer, Kernel } from '../../../../src/kernel/kernel.ts'
import {
  decodeType1Info,
  dmaAvail,
  iovaRanges,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
  vfioIommuType1Info,
} from '../../../../src/uapi/container.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { encode } from '../../../../src/uapi/struct.ts'
import { codeOf, createMdev, openMdev, uuid, wordAt } from '../machine.ts'
import { edu, openEdu, openPci, pciKernel, pciScenario, toVfio } from '../pci/pci-scenario.ts'

const page = 0x1000n
const READ = 1
const WRITE = 2
const ALL = 2

/** Maps and unmaps in one container, answering 0 or bytes, or the code of the failure. */
function calls(kernel: Kernel, container: number) {
  const memory = kernel.allocateMemory({ size: 64 * 4096, kind: 'anonymous' })
  function map(
    iova: bigint,
    size: bigint,
    { flags = READ | WRITE, target = memory as IoctlPointer['target'] | null, vaddr = 0n, argsz = 32 } = {},
  ): unknown {
    const bytes = encode(vfioIommuType1DmaMap, { argsz, flags, vaddr, iova, size })
    const pointers = target === null ? [] : [{ offset: 8, target }]
    return codeOf(() => kernel.ioctl(container, request.VFIO_IOMMU_MAP_DMA, bytes, pointers)) ?? 0
  }
  function unmap(iova: bigint, size: bigint, { flags = 0, argsz = 24 } = {}): unknown {
    const bytes = encode(vfioIommuType1DmaUnmap, { argsz, flags, iova, size })
    const code = codeOf(() => kernel.ioctl(container, request.VFIO_IOMMU_UNMAP_DMA, bytes))
    return code ?? new DataView(bytes.buffer).getBigUint64(16, true)
  }
  function info() {
    const bytes = new Uint8Array(256)
    bytes.set(encode(vfioIommuType1Info, { argsz: 256 }))
    kernel.ioctl(container, request.VFIO_IOMMU_GET_INFO, bytes)
    return decodeType1Info(bytes)
  }
  return { memory, map, unmap, info, available: () => dmaAvail(info().capabilities) }
}

async function withEdu(type = 3) {
  const opened = await openEdu(type)
  return { ...opened, ...calls(opened.kernel, opened.container) }
}

describe('VFIO_IOMMU_MAP_DMA', () => {
  test('EEXIST over any part of a mapping', async () => {
    const { map } = await withEdu()
    expect(map(0x10_0000n, 4n * page)).toBe(0)
    for (const [iova, size] of [
      [0x10_0000n, 4n * page],
      [0x10_3000n, page],
      [0xf_f000n, 2n * page],
      [0xf_f000n, 8n * page],
    ] as const) {
      expect(map(iova, size)).toBe('EEXIST')
    }
    expect([map(0xf_f000n, page), map(0x10_4000n, page)]).toEqual([0, 0])
  })

  test.each([
    ['size 0', 0x20_0000n, 0n, {}],
    ['an odd size', 0x20_0000n, page + 1n, {}],
    ['an odd address', 0x20_0001n, page, {}],
    ['odd memory', 0x20_0000n, page, { target: null, vaddr: 1n }],
    ['no access', 0x20_0000n, page, { flags: 0 }],
    ['an unknown flag', 0x20_0000n, page, { flags: 8 | READ }],
    ['a new address together with access', 0x20_0000n, page, { flags: 4 | READ }],
    ['the interrupt window', 0xfee0_0000n, page, {}],
    ['a range into the interrupt window', 0xfedf_f000n, 2n * page, {}],
    ['what is beyond 39 bits', 0x80_0000_0000n, page, {}],
    ['the last page of 64 bits', 0xffff_ffff_ffff_f000n, page, {}],
    ['a range beyond 64 bits', 0xffff_ffff_ffff_f000n, 2n * page, {}],
    ['a short argsz', 0x20_0000n, page, { argsz: 31 }],
  ])('EINVAL for %s', async (_, iova, size, options) => {
    const { map, available } = await withEdu()
    expect(map(iova, size, options)).toBe('EINVAL')
    expect(available()).toBe(65535)
  })

  test('ENOENT for a new address of nothing', async () => {
    const { map } = await withEdu()
    expect(map(0x20_0000n, page, { flags: 4 })).toBe('ENOENT')
  })

  test('EFAULT where there is no memory, and not at a part of memory', async () => {
    const { map, memory } = await withEdu()
    expect(map(0x20_0000n, page, { target: null })).toBe('EFAULT')
    expect(map(0x20_0000n, 65n * page)).toBe('EFAULT')
    expect(map(0x20_0000n, page, { target: memory.view().subarray(4096) })).toBe(0)
    expect(map(0x30_0000n, page, { target: memory.view().subarray(16) })).toBe('EINVAL')
  })

  test('takes the last page of the aperture, and those around the interrupt window', async () => {
    const { map } = await withEdu()
    expect([map(0x7f_ffff_f000n, page), map(0xfedf_f000n, page), map(0xfef0_0000n, page)]).toEqual([0, 0, 0])
  })

  test('ENOSPC past the limit on mappings, which DMA_AVAIL counts', async () => {
    const modules = { ...pciScenario.modules, vfio_iommu_type1: { dma_entry_limit: '40' } }
    const kernel = pciKernel({ modules })
    await toVfio(kernel, edu)
    const { map, unmap, available } = calls(kernel, openPci(kernel, edu).container)
    for (let index = 0n; index < 40n; index++) map(index * page, page)
    expect([available(), map(0x2000_0000n, page)]).toEqual([0, 'ENOSPC'])
    expect(unmap(0x5000n, page)).toBe(page)
    expect([available(), map(0x2000_0000n, page), available()]).toEqual([1, 0, 0])
  })

  test('ENOMEM past the limit on locked memory, which /proc tells', async () => {
    const kernel = pciKernel({ lockedMemory: 16 * 4096 })
    await toVfio(kernel, edu)
    const { container, device, group } = openPci(kernel, edu)
    const { map, unmap } = calls(kernel, container)
    expect(map(0n, 12n * page)).toBe(0)
    expect(map(0x10_0000n, 5n * page)).toBe('ENOMEM')
    const limit = { limit: 16 * 4096, hardLimit: 16 * 4096, ignored: false }
    expect(memlockLimit(kernel)).toEqual({ ...limit, locked: 12 * 4096 })
    expect(unmap(0n, 12n * page)).toBe(12n * page)
    expect(map(0x10_0000n, 16n * page)).toBe(0)
    for (const fd of [device, group, container]) kernel.close(fd)
    expect(memlockLimit(kernel)).toEqual({ ...limit, locked: 0 })
  })

  test('of mediated devices alone looks at neither memory nor IOMMU', async () => {
    const kernel = pciKernel({ lockedMemory: 4096 })
    await createMdev(kernel, 'mtty-1', uuid)
    const { map, info } = calls(kernel, openMdev(kernel, uuid).container)
    expect(map(0xfee0_0000n, 65n * page)).toBe(0)
    expect(map(0xffff_ffff_ffff_f000n, page, { target: null })).toBe(0)
    expect(iovaRanges(info().capabilities)).toBe(null)
  })
})

describe('VFIO_IOMMU_UNMAP_DMA', () => {
  test('version 2 takes whole mappings: EINVAL for a part, 0 for nothing, the sum for several', async () => {
    const { map, unmap, available } = await withEdu()
    map(0x10_0000n, 4n * page)
    map(0x10_4000n, page)
    for (const iova of [0x10_0000n, 0x10_1000n, 0x10_3000n]) expect(unmap(iova, page)).toBe('EINVAL')
    expect(unmap(0x10_3000n, 2n * page)).toBe('EINVAL')
    expect(unmap(0x90_0000n, page)).toBe(0n)
    expect(available()).toBe(65533)
    expect(unmap(0xf_f000n, 16n * page)).toBe(5n * page)
    expect(available()).toBe(65535)
  })

  test('version 1 takes nothing from inside a mapping, and all of one for its first page', async () => {
    const { map, unmap } = await withEdu(1)
    map(0x20_0000n, 8n * page)
    expect(unmap(0x20_1000n, page)).toBe(0n)
    expect(unmap(0x20_0000n, page)).toBe(8n * page)
    expect(unmap(0x20_0000n, 8n * page)).toBe(0n)
  })

  test('all at once, with neither address nor size', async () => {
    const { map, unmap } = await withEdu()
    map(0n, page)
    map(0x7f_ffff_f000n, page)
    expect([unmap(page, 0n, { flags: ALL }), unmap(0n, page, { flags: ALL })]).toEqual(['EINVAL', 'EINVAL'])
    expect([unmap(0n, 0n, { flags: ALL }), unmap(0n, 0n, { flags: ALL })]).toEqual([2n * page, 0n])
  })

  test.each([
    ['size 0', 0x90_0000n, 0n, {}],
    ['an odd address', 0x90_0001n, page, {}],
    ['an odd size', 0x90_0000n, page + 1n, {}],
    ['a range beyond 64 bits', 0xffff_ffff_ffff_f000n, 2n * page, {}],
    ['an unknown flag', 0n, page, { flags: 8 }],
    ['dirty pages that nobody logs', 0n, page, { flags: 1 }],
    ['a short argsz', 0n, page, { argsz: 23 }],
  ])('EINVAL for %s', async (_, iova, size, options) => {
    const { unmap } = await withEdu()
    expect(unmap(iova, size, options)).toBe('EINVAL')
  })

  test('what was mapped goes with the last group of the container', async () => {
    const { kernel, container, group, device, map, unmap } = await withEdu()
    map(0n, page)
    kernel.close(device)
    kernel.ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER)
    expect(unmap(0n, page)).toBe('EINVAL')
    const again = new Uint8Array(4)
    new DataView(again.buffer).setInt32(0, container, true)
    kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, again)
    kernel.ioctl(container, request.VFIO_SET_IOMMU, 3)
    expect([unmap(0n, page), map(0n, page)]).toEqual([0n, 0])
  })
})

describe('VFIO_IOMMU_GET_INFO behind an IOMMU', () => {
  test('tells 4 KiB, 2 MiB and 1 GiB, and the ranges around the interrupt window', async () => {
    const { pageSizes, capabilities } = (await withEdu()).info()
    expect(pageSizes).toBe(0x4020_1000n)
    expect(iovaRanges(capabilities)).toEqual([
      { first: 0n, last: 0xfedf_ffffn },
      { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
    ])
  })

  test('with every argsz says what it needs, and writes nothing beyond argsz', async () => {
    const { kernel, container } = await openEdu()
    for (let argsz = 0; argsz <= 160; argsz++) {
      const bytes = new Uint8Array(256).fill(0xa5)
      new DataView(bytes.buffer).setUint32(0, argsz, true)
      const code = codeOf(() => kernel.ioctl(container, request.VFIO_IOMMU_GET_INFO, bytes))
      expect(code).toBe(argsz < 16 ? 'EINVAL' : null)
      if (code !== null) continue
      expect(wordAt(bytes, 0)).toBe(Math.max(argsz, 116))
      if (argsz >= 20) expect(wordAt(bytes, 16)).toBe(argsz < 116 ? 0 : 24)
      expect(bytes.subarray(argsz).every((byte) => byte === 0xa5)).toBe(true)
    }
  })
})
