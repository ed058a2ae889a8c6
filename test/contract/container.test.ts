import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Kernel } from '../../src/kernel/kernel.ts'
import { extension } from '../../src/uapi/container.ts'
import { request } from '../../src/uapi/requests.ts'
import { decode, encode } from '../../src/uapi/struct.ts'
import {
  decodeType1Info,
  dmaMapFlag,
  dmaUnmapFlag,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
  vfioIommuType1Info,
} from '../../src/uapi/type1.ts'
import { iovaRanges } from '../../src/uapi/type1-capabilities.ts'
import { allocate } from './iommu-modes.ts'
import { bindPci } from './pci.ts'

const page = 4096
const iova = 0x10_0000n
const { VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU } = extension

interface Raw {
  readonly kernel: Kernel
  readonly address: string
  readonly container: number
  readonly group: number
  open(path: string): number
  setContainer(container?: number): number
}

/** The bare descriptors of an edu's group and of a container, closed after the test, last first. */
async function openRaw(context: TestContext): Promise<Raw> {
  const { kernel, group: number, address } = await bindPci(context, 'edu')
  const opened: number[] = []
  onTestFinished(() => {
    for (const fd of opened.reverse()) kernel.close(fd)
  })
  const open = (path: string) => {
    const fd = kernel.open(path, 'rw')
    opened.push(fd)
    return fd
  }
  const [container, group] = [open('/dev/vfio/vfio'), open(`/dev/vfio/${number}`)]
  const setContainer = (fd = container) => kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(fd))
  return { kernel, address, container, group, open, setContainer }
}

async function openTranslating(context: TestContext, type: number): Promise<Raw> {
  const raw = await openRaw(context)
  raw.setContainer()
  raw.kernel.ioctl(raw.container, request.VFIO_SET_IOMMU, type)
  return raw
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}

function info({ kernel, container }: Raw, length: number, argsz = length): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xa5)
  bytes.set(encode(vfioIommuType1Info, {}).subarray(0, Math.min(length, vfioIommuType1Info.size)))
  new DataView(bytes.buffer).setUint32(0, argsz, true)
  kernel.ioctl(container, request.VFIO_IOMMU_GET_INFO, bytes)
  return bytes
}

type MapValues = { iova?: bigint; size?: bigint; flags?: number }

function map({ kernel, container }: Raw, values: MapValues = {}): void {
  const { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } = dmaMapFlag
  const flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE
  const bytes = encode(vfioIommuType1DmaMap, {
    argsz: vfioIommuType1DmaMap.size,
    flags,
    iova,
    size: BigInt(page),
    ...values,
  })
  const target = allocate(kernel, 0x20_0000)
  kernel.ioctl(container, request.VFIO_IOMMU_MAP_DMA, bytes, [{ offset: 8, target }])
}

function unmap({ kernel, container }: Raw, at: bigint, size: bigint, flags = 0): bigint {
  const bytes = encode(vfioIommuType1DmaUnmap, { argsz: vfioIommuType1DmaUnmap.size, flags, iova: at, size })
  kernel.ioctl(container, request.VFIO_IOMMU_UNMAP_DMA, bytes)
  return decode(vfioIommuType1DmaUnmap, bytes).size
}

function errnoOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code)
    throw error
  }
  return 'done'
}

describe('the kernel itself, of groups and containers', () => {
  test('refuses what comes before its time, or twice', async (context) => {
    const raw = await openRaw(context)
    const { kernel, address, container, group } = raw
    const setIommu = (type: number) => kernel.ioctl(container, request.VFIO_SET_IOMMU, type)
    const openDevice = (name: string) => kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, Buffer.from(`${name}\0`))
    const early = [() => map(raw), () => info(raw, 24), () => setIommu(VFIO_TYPE1v2_IOMMU), () => openDevice(address)]
    expect(early.map(errnoOf)).toEqual(['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'])
    raw.setContainer()
    expect(errnoOf(() => raw.setContainer())).toBe('EINVAL')
    expect(errnoOf(() => openDevice(address))).toBe('EINVAL')
    expect(errnoOf(() => setIommu(extension.VFIO_SPAPR_TCE_IOMMU))).toBe('ENODEV')
    setIommu(VFIO_TYPE1v2_IOMMU)
    expect(errnoOf(() => setIommu(VFIO_TYPE1v2_IOMMU))).toBe('EINVAL')
    expect(errnoOf(() => openDevice('0000:99:00.0'))).toBe('ENODEV')
    const device = openDevice(address)
    const unset = () => kernel.ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER)
    expect(errnoOf(unset)).toBe('EBUSY')
    // the group's path allows several descriptors of one device
    kernel.close(openDevice(address))
    kernel.close(device)
    expect([errnoOf(unset), errnoOf(unset)]).toEqual(['done', 'EINVAL'])
  })

  test('lets a group be open once', async (context) => {
    const { kernel, open } = await openRaw(context)
    const { group } = await bindPci(context, 'edu')
    expect(errnoOf(() => open(`/dev/vfio/${group}`))).toBe('EBUSY')
    expect(kernel.name).toMatch(/linux|mock/)
  })
})

describe.each([
  ['type1', VFIO_TYPE1_IOMMU],
  ['type1v2', VFIO_TYPE1v2_IOMMU],
] as const)('the kernel itself, of a container of %s', (name, type) => {
  test('B1 fills no more than argsz, whatever it is, and never half a chain', async (context) => {
    const raw = await openTranslating(context, type)
    const whole = new DataView(info(raw, 24).buffer).getUint32(0, true)
    expect(whole).toBeGreaterThan(24)
    expect(errnoOf(() => info(raw, 24, 15))).toBe('EINVAL')
    for (let argsz = 16; argsz <= whole; argsz += argsz < 28 ? 1 : 4) {
      const bytes = info(raw, whole + 64, argsz)
      expect(bytes.subarray(Math.max(argsz, 16)).every((byte, at) => byte === 0xa5 || at + argsz < 24)).toBe(true)
      const chain = argsz < 24 ? [] : decodeType1Info(bytes.subarray(0, Math.max(argsz, 24)))
      if (argsz === whole && !Array.isArray(chain)) {
        expect(iovaRanges(chain.capabilities)).toEqual([
          { first: 0n, last: 0xfedf_ffffn },
          { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
        ])
      }
    }
  })

  test('refuses each wrong mapping with its errno', async (context) => {
    const raw = await openTranslating(context, type)
    map(raw)
    const refusals = [
      [{}, 'EEXIST'],
      [{ iova: iova + 1n }, 'EINVAL'],
      [{ iova: 0x20_0000n, size: 100n }, 'EINVAL'],
      [{ iova: 0x20_0000n, size: 0n }, 'EINVAL'],
      [{ iova: 0x20_0000n, flags: 0 }, 'EINVAL'],
      [{ iova: 0x20_0000n, flags: 0x80 }, 'EINVAL'],
      [{ iova: 0xfee0_0000n }, 'EINVAL'],
      [{ iova: 0x80_0000_0000n }, 'EINVAL'],
    ] as const
    expect(refusals.map(([values]) => errnoOf(() => map(raw, values)))).toEqual(refusals.map(([, errno]) => errno))
    // Linux 6.19 and later say it by name
    expect(errnoOf(() => map(raw, { iova: 0xffff_ffff_ffff_f000n, size: 8192n }))).toMatch(/^(EINVAL|EOVERFLOW)$/)
  })

  test('B2 unmaps nothing where nothing is, and all only without a range', async (context) => {
    const raw = await openTranslating(context, type)
    const all = dmaUnmapFlag.VFIO_DMA_UNMAP_FLAG_ALL
    expect(unmap(raw, iova, BigInt(page))).toBe(0n)
    expect(errnoOf(() => unmap(raw, iova, 0n, all))).toBe('EINVAL')
    expect(errnoOf(() => unmap(raw, 0n, BigInt(page), all))).toBe('EINVAL')
    map(raw)
    map(raw, { iova: 0x40_0000n, size: 0x20_0000n })
    expect(unmap(raw, 0n, 0n, all)).toBe(0x20_1000n)
    expect(unmap(raw, 0n, 0n, all)).toBe(0n)
  })

  test(`B3 ${name === 'type1' ? 'takes more than it is asked to, or nothing' : 'refuses to cut a mapping'}`, async (context) => {
    const raw = await openTranslating(context, type)
    map(raw, { iova: 0x20_0000n, size: 0x20_0000n })
    const inside = () => unmap(raw, 0x20_0000n + 0x10_0000n, BigInt(page))
    const firstPage = () => unmap(raw, 0x20_0000n, BigInt(page))
    if (name === 'type1v2') {
      expect([errnoOf(inside), errnoOf(firstPage)]).toEqual(['EINVAL', 'EINVAL'])
      expect(unmap(raw, 0n, 0x80_0000n)).toBe(0x20_0000n)
      return
    }
    expect(inside()).toBe(0n)
    // C2: anonymous pages may or may not be one for the IOMMU; what is unmapped is at least what was asked for
    expect(firstPage()).toBeGreaterThanOrEqual(BigInt(page))
  })
})
