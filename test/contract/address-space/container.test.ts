import { describe, expect, onTestFinished, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import {
  decodeType1Info,
  dmaUnmapFlag,
  extension,
  iovaRanges,
  vfioIommuType1Info,
} from '../../../src/uapi/container.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { errnoOf } from '../kernel-answer.ts'
import { iommu, page, pageBytes } from '../machine.ts'
import { bindPci } from '../pci.ts'
import { mapDma, openRawContainer, openTranslating, type RawContainer, unmapDma } from './raw-container.ts'

const iova = 0x10_0000n
const { VFIO_TYPE1v2_IOMMU } = extension

function info({ kernel, container }: RawContainer, length: number, argsz = length): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xa5)
  bytes.set(encode(vfioIommuType1Info, {}).subarray(0, Math.min(length, vfioIommuType1Info.size)))
  new DataView(bytes.buffer).setUint32(0, argsz, kernelOrder)
  kernel.ioctl(container, request.VFIO_IOMMU_GET_INFO, bytes)
  return bytes
}

describe('the kernel itself, of groups and containers', () => {
  test('refuses what comes before its time, or twice', async (context) => {
    const raw = await openRawContainer(context)
    const { kernel, address, container, group } = raw
    const setIommu = (type: number) => kernel.ioctl(container, request.VFIO_SET_IOMMU, type)
    const openDevice = (name: string) => kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, Buffer.from(`${name}\0`))
    const early = [
      () => mapDma(raw),
      () => info(raw, 24),
      () => setIommu(VFIO_TYPE1v2_IOMMU),
      () => openDevice(address),
    ]
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
    const { kernel, open } = await openRawContainer(context)
    const { group } = await bindPci(context, 'edu')
    expect(errnoOf(() => open(`/dev/vfio/${group}`))).toBe('EBUSY')
    expect(kernel.name).toMatch(/linux|mock/)
  })
})

test('a group and a container have nothing to read or write, at no position', async (context) => {
  const { kernel, container, group } = await openRawContainer(context)
  const bytes = new Uint8Array(4)
  const calls = [container, group].flatMap((fd) => [
    () => kernel.pread(fd, bytes, 0),
    () => kernel.pwrite(fd, bytes, 0),
  ])
  expect(calls.map(errnoOf)).toEqual(['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'])
  const eventfd = kernel.eventfd()
  onTestFinished(() => kernel.close(eventfd))
  expect(errnoOf(() => kernel.pread(eventfd, bytes, 0))).toBe('ESPIPE')
})

test('the type for nested translation is no type for a device', async (context) => {
  const { kernel, container, setContainer } = await openRawContainer(context)
  setContainer()
  const isKnown = kernel.ioctl(container, request.VFIO_CHECK_EXTENSION, extension.VFIO_TYPE1_NESTING_IOMMU) === 1
  const set = errnoOf(() => kernel.ioctl(container, request.VFIO_SET_IOMMU, extension.VFIO_TYPE1_NESTING_IOMMU))
  expect(set).toBe(isKnown ? iommu.nested : 'ENODEV')
})

describe.each(['type1', 'type1v2'] as const)('the kernel itself, of a container of %s', (mode) => {
  test('fills no more than argsz, whatever it is, and never half a chain', async (context) => {
    const raw = await openTranslating(context, mode)
    const whole = new DataView(info(raw, 24).buffer).getUint32(0, kernelOrder)
    expect(whole).toBeGreaterThan(24)
    expect(errnoOf(() => info(raw, 24, 15))).toBe('EINVAL')
    for (let argsz = 16; argsz <= whole; argsz += argsz < 28 ? 1 : 4) {
      const bytes = info(raw, whole + 64, argsz)
      expect(bytes.subarray(Math.max(argsz, 16)).every((byte, at) => byte === 0xa5 || at + argsz < 24)).toBe(true)
      const chain = argsz < 24 ? [] : decodeType1Info(bytes.subarray(0, Math.max(argsz, 24)))
      if (argsz === whole && !Array.isArray(chain)) {
        expect(iovaRanges(chain.capabilities)).toEqual(iommu.ranges)
      }
    }
  })

  test('takes a mapping that the device may read or write, and no flag that is not known', async (context) => {
    const raw = await openTranslating(context, mode)
    expect(errnoOf(() => mapDma(raw, { flags: 0 }))).toBe('EINVAL')
    expect(errnoOf(() => mapDma(raw, { flags: 0x80 }))).toBe('EINVAL')
    for (const flags of Object.values({ read: 1, write: 2 })) {
      mapDma(raw, { flags })
      expect(unmapDma(raw, iova, BigInt(page))).toBe(BigInt(page))
    }
  })

  test('unmaps all only without a range', async (context) => {
    const raw = await openTranslating(context, mode)
    const all = dmaUnmapFlag.VFIO_DMA_UNMAP_FLAG_ALL
    expect(errnoOf(() => unmapDma(raw, iova, 0n, all))).toBe('EINVAL')
    expect(errnoOf(() => unmapDma(raw, 0n, BigInt(page), all))).toBe('EINVAL')
    mapDma(raw)
    mapDma(raw, { iova: 0x40_0000n, size: 0x20_0000n })
    expect(unmapDma(raw, 0n, 0n, all)).toBe(0x20_0000n + pageBytes)
    expect(unmapDma(raw, 0n, 0n, all)).toBe(0n)
  })
})
