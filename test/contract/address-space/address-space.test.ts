import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { hex } from '../../../src/base/units.ts'
import type { Kernel, Mapping } from '../../../src/kernel/kernel.ts'
import type { AddressSpace } from '../../../src/vfio/address-space/address-space.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { openAddressSpace } from '../../../src/vfio/iommu/open-address-space.ts'
import { allocate, bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { iommu, page, pageBytes } from '../machine.ts'
import { bindPci } from '../pci.ts'

const iova = 0x10_0000n

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

interface Opened {
  readonly kernel: Kernel
  readonly space: AddressSpace
  readonly memory: Mapping
}

/** The address space of an edu, with 2 MiB of memory, or with pages that are large of 128. */
async function openSpace(context: TestContext, mode: TranslatingMode): Promise<Opened> {
  const { kernel, address, group } = await bindForMode(context, mode, 'edu')
  const device = openDevice(kernel, { group, name: address }, { iommu: mode })
  onTestFinished(() => device.close())
  return { kernel, space: device.addressSpace, memory: allocate(kernel, Math.max(0x20_0000, 128 * page)) }
}

function mapAt(space: AddressSpace, memory: Mapping, at: bigint, size = page, offset = 0): void {
  space.map({ iova: at, memory, offset, size, access: 'rw' })
}

/** True if the kernel has something mapped at an address: it refuses to map over it. */
function isMapped(space: AddressSpace, memory: Mapping, at: bigint): boolean {
  try {
    mapAt(space, memory, at)
  } catch {
    return true
  }
  space.unmap(at, BigInt(page))
  return false
}

describe.each(translatingModes)('an address space of mode %s', (mode) => {
  test('says its mode, its page, and its ranges: without the interrupts, within the aperture', async (context) => {
    const { space } = await openSpace(context, mode)
    expect([space.mode, space.pageSize]).toEqual([mode, page])
    const ranges = space.ranges()
    expect(ranges.every(({ first, last }) => last < iommu.interrupts || first > iommu.interrupts)).toBe(true)
    expect(ranges).toEqual(iommu.ranges)
  })

  test.for([page, 0x20_0000])(
    'map %d bytes, unmap returns them, and the addresses are free again',
    async (size, context) => {
      const { space, memory } = await openSpace(context, mode)
      mapAt(space, memory, iova, size)
      expect(() => mapAt(space, memory, iova, size)).toThrow(
        expect.objectContaining({
          code: 'IOVA_IN_USE',
          errno: 'EEXIST',
          facts: { mapping: { iova: '0x100000', size: `0x${size.toString(16)}` } },
        }),
      )
      expect(space.unmap(iova, BigInt(size))).toBe(BigInt(size))
      expect(isMapped(space, memory, iova)).toBe(false)
    },
  )

  test('the last page of the aperture is mapped, and unmapped by range and by all', async (context) => {
    const { space, memory } = await openSpace(context, mode)
    const end = (space.ranges().at(-1)?.last ?? 0n) + 1n
    // what ends at 2^64 is refused: top-of-addresses.test.ts
    const last = end - (end === 1n << 64n ? 2n : 1n) * pageBytes
    mapAt(space, memory, last)
    expect(space.unmap(last, BigInt(page))).toBe(BigInt(page))
    mapAt(space, memory, last)
    expect(space.unmapAll()).toBe(BigInt(page))
    expect(isMapped(space, memory, last)).toBe(false)
  })

  test('a range past the end of 64 bits is IOVA_RESERVED, for map and for unmap, whatever errno the kernel has for it', async (context) => {
    const { space, memory } = await openSpace(context, mode)
    const top = (1n << 64n) - pageBytes
    const wraps = expect.objectContaining({
      code: 'IOVA_RESERVED',
      errno: expect.stringMatching(/^(EOVERFLOW|EINVAL)$/),
      message: expect.stringContaining('goes past the end of 64 bits'),
    })
    expect(() => mapAt(space, memory, top, 2 * page)).toThrow(wraps)
    expect(() => space.unmap(top, BigInt(2 * page))).toThrow(wraps)
  })

  test.for([
    ['where interrupts are written', iommu.interrupts],
    ...(iommu.end === null
      ? []
      : ([
          ['past the aperture', iommu.end],
          ['at the top of 64 bits', (1n << 64n) - 2n * pageBytes],
        ] as const)),
  ] as const)('a map %s is IOVA_RESERVED, with the ranges', async ([, at], context) => {
    const { space, memory } = await openSpace(context, mode)
    expect(() => mapAt(space, memory, at)).toThrow(
      expect.objectContaining({
        code: 'IOVA_RESERVED',
        errno: 'EINVAL',
        facts: {
          ranges: iommu.ranges.map(({ first, last }) => ({ first: hex(first), last: hex(last) })),
        },
      }),
    )
  })

  test('what is no whole page, or not in the memory, never reaches the kernel', async (context) => {
    const { space, memory } = await openSpace(context, mode)
    const good = { iova, memory, offset: 0, size: page, access: 'rw' } as const
    const invalid = code('INVALID_ARGUMENT')
    for (const bad of [
      { iova: 1n },
      { iova: -pageBytes },
      { iova: 1n << 64n },
      { size: 0 },
      { size: 100 },
      { offset: 8 },
    ]) {
      expect(() => space.map({ ...good, ...bad })).toThrow(invalid)
    }
    expect(() => space.map({ ...good, offset: memory.length })).toThrow(code('OUT_OF_RANGE'))
    expect(() => space.map({ ...good, size: memory.length + page })).toThrow(code('OUT_OF_RANGE'))
    expect(() => space.unmap(iova, 0n)).toThrow(invalid)
    expect(() => space.unmap(iova + 1n, BigInt(page))).toThrow(invalid)
    expect(() => space.physicalPages(memory, 0, page)).toThrow(code('NOT_SUPPORTED'))
  })

  test('an unmap where nothing is mapped is 0 bytes, and so is all of nothing', async (context) => {
    const { space } = await openSpace(context, mode)
    expect(space.unmap(iova, BigInt(page))).toBe(0n)
    expect(space.unmap(0n, 0x40_0000n)).toBe(0n)
    expect(space.unmapAll()).toBe(0n)
  })

  test('an unmap that cuts a mapping is PARTIAL_UNMAP and changes nothing', async (context) => {
    const { space, memory } = await openSpace(context, mode)
    mapAt(space, memory, iova, 0x20_0000)
    mapAt(space, memory, iova - BigInt(page))
    const cuts = expect.objectContaining({
      code: 'PARTIAL_UNMAP',
      facts: expect.objectContaining({ mapping: { iova: '0x100000', size: '0x200000' } }),
    })
    // its first page, its middle, its last page, what is before it and a part, a part and what is behind it
    expect(() => space.unmap(iova, BigInt(page))).toThrow(cuts)
    expect(() => space.unmap(iova + 0x10_0000n, BigInt(page))).toThrow(cuts)
    expect(() => space.unmap(iova + 0x20_0000n - pageBytes, BigInt(page))).toThrow(cuts)
    expect(() => space.unmap(iova - BigInt(page), BigInt(2 * page))).toThrow(cuts)
    expect(() => space.unmap(iova + 0x10_0000n, 0x80_0000n)).toThrow(cuts)
    expect(space.unmap(0n, 0x4000_0000n)).toBe(0x20_0000n + BigInt(page))
  })

  test('it refuses a page that is mapped, and unmaps page by page forwards, backwards, and as a checkerboard', async (context) => {
    const { space, memory } = await openSpace(context, mode)
    const pages = Array.from({ length: 128 }, (_, index) => index)
    const at = (index: number) => iova + BigInt(index * page)
    const mapPage = (index: number) => mapAt(space, memory, at(index), page, index * page)
    const unmapPage = (index: number) => space.unmap(at(index), BigInt(page))
    const even = pages.filter((index) => index % 2 === 0)
    const odd = pages.filter((index) => index % 2 === 1)
    const orders = [pages, [...pages].reverse(), [...even, ...odd], [...odd, ...even].reverse()]
    for (const order of orders) {
      for (const index of pages) mapPage(index)
      for (const index of [0, 64, 127]) expect(() => mapPage(index)).toThrow(code('IOVA_IN_USE'))
      expect(new Set(order.map(unmapPage))).toEqual(new Set([BigInt(page)]))
      expect(space.unmap(iova, 128n * pageBytes)).toBe(0n)
    }
  })

  test('what a device may not write it may still be mapped to read, and the other way round', async (context) => {
    const { space, memory } = await openSpace(context, mode)
    space.map({ iova, memory, offset: 0, size: page, access: 'r' })
    expect(space.unmapAll()).toBe(BigInt(page))
  })

  test('needs a device first: NOT_ATTACHED; unmapping nothing is nothing', async (context) => {
    const { kernel } = await bindForMode(context, mode, 'edu')
    using space = openAddressSpace(kernel, { iommu: mode })
    const memory = allocate(kernel, page)
    expect(() => mapAt(space, memory, iova)).toThrow(code('NOT_ATTACHED'))
    expect(() => space.ranges()).toThrow(code('NOT_ATTACHED'))
    expect(space.unmap(iova, BigInt(page))).toBe(0n)
    expect(space.unmapAll()).toBe(0n)
  })

  test('is shared by devices of several groups and of one, and outlives them with what is mapped', async (context) => {
    const first = await bindForMode(context, mode, 'edu')
    const { kernel } = first
    const others = [await bindPci(context, 'edu-shared-1', first), await bindPci(context, 'edu-shared-2', first)]
    using space = openAddressSpace(kernel, { iommu: mode })
    const devices = [first, ...others].map(({ group, address }) =>
      openDevice(kernel, { group, name: address }, { addressSpace: space }),
    )
    expect(devices.map((device) => [device.addressSpace, device.iommuMode])).toEqual(devices.map(() => [space, mode]))
    expect(devices.map((device) => device.regions.config.read32(0))).toEqual([0x11e81234, 0x11e81234, 0x11e81234])
    const memory = allocate(kernel, page)
    mapAt(space, memory, iova)
    for (const device of devices) device.close()
    expect([space.closed, space.attached]).toEqual([false, 0])
    // a device comes back to what is mapped
    const again = openDevice(kernel, { group: first.group, name: first.address }, { addressSpace: space })
    expect(() => mapAt(space, memory, iova)).toThrow(code('IOVA_IN_USE'))
    expect(space.unmap(iova, BigInt(page))).toBe(BigInt(page))
    // once nothing is mapped, the group goes with its device
    again.close()
    openDevice(kernel, { group: first.group, name: first.address }).close()
  })

  test('an address space closes its devices before itself, and leaves nothing behind', async (context) => {
    const { kernel, address, group } = await bindForMode(context, mode, 'edu')
    const space = openAddressSpace(kernel, { iommu: mode })
    const device = openDevice(kernel, { group, name: address }, { addressSpace: space })
    mapAt(space, allocate(kernel, page), iova)
    space.close()
    space.close()
    expect([space.closed, device.closed]).toEqual([true, true])
    expect(() => space.unmapAll()).toThrow(code('CLOSED'))
    expect(() => openDevice(kernel, { group, name: address }, { addressSpace: space })).toThrow(code('CLOSED'))
    device.close()
    openDevice(kernel, { group, name: address }, { iommu: mode }).close()
  })

  test('an address space that one device made for itself is closed with it', async (context) => {
    const { kernel, address, group } = await bindForMode(context, mode, 'edu')
    const device = openDevice(kernel, { group, name: address }, { iommu: mode })
    const { addressSpace } = device
    mapAt(addressSpace, allocate(kernel, page), iova)
    expect(() => openDevice(kernel, { group, name: address })).toThrow(code('DEVICE_BUSY'))
    device.close()
    expect(addressSpace.closed).toBe(true)
    openDevice(kernel, { group, name: address }).close()
  })
})

test('a container takes 65535 mappings, counts them, and says that none is left', {
  timeout: 300_000,
}, async (context) => {
  const { space, memory } = await openSpace(context, 'type1v2')
  expect(space.availableMappings()).toBe(65_535)
  const from = space.ranges().at(-1)?.first ?? expect.fail()
  for (let index = 0; index < 65_535; index++) mapAt(space, memory, from + BigInt(index * page))
  expect(space.availableMappings()).toBe(0)
  expect(() => mapAt(space, memory, from + BigInt(65_535 * page))).toThrow(
    expect.objectContaining({ code: 'NO_MAPPING_LEFT', errno: 'ENOSPC', facts: { mappings: 65_535, limit: 65_535 } }),
  )
  expect(space.unmap(from, BigInt(page))).toBe(BigInt(page))
  expect(space.availableMappings()).toBe(1)
  expect(space.info()).toEqual({ pageSize: space.pageSize, ranges: space.ranges(), availableMappings: 1 })
  expect(space.unmapAll()).toBe(BigInt(65_534 * page))
  expect(space.availableMappings()).toBe(65_535)
})

test('two devices of one group share an address space without being told', async (context) => {
  const first = await bindPci(context, 'edu-shared-1')
  const second = await bindPci(context, 'edu-shared-2', first)
  const { kernel } = first
  using one = openDevice(kernel, { group: first.group, name: first.address })
  using two = openDevice(kernel, { group: second.group, name: second.address })
  expect(two.iommuMode).toBe(one.iommuMode)
  one.close()
  expect(two.regions.config.read32(0)).toBe(0x11e81234)
  expect(two.addressSpace.ranges().length).toBeGreaterThan(0)
  two.close()
  expect(two.addressSpace.closed).toBe(true)
})

test('a device cannot be in two address spaces', async (context) => {
  const { kernel, address, group } = await bindPci(context, 'edu')
  using one = openAddressSpace(kernel, { iommu: 'type1v2' })
  using other = openAddressSpace(kernel, { iommu: 'type1v2' })
  using _device = openDevice(kernel, { group, name: address }, { addressSpace: one })
  expect(() => openDevice(kernel, { group, name: address }, { addressSpace: other })).toThrow(code('DEVICE_BUSY'))
  expect(() => openDevice(kernel, { group, name: address }, { iommu: 'type1' })).toThrow(code('DEVICE_BUSY'))
})
