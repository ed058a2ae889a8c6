import { describe, expect, test } from 'vitest'
import { type DeviceContext, MdevModel, MemoryRegion, type MemoryRegionOptions } from '../../../../src/mock.ts'
import { codeOf } from '../machine.ts'
import { openModel } from './open-model.ts'

const page = 4096

class Framebuffer extends MdevModel {
  readonly memory: MemoryRegion

  constructor(context: DeviceContext, options: Omit<MemoryRegionOptions, 'size'>) {
    super(context)
    this.memory = this.addRegion(0, new MemoryRegion({ size: 3 * page, ...options }))
  }
}

function open(options: Omit<MemoryRegionOptions, 'size'>) {
  return openModel((context) => new Framebuffer(context, options))
}

test('memory without a way to map it is trapped alone', async () => {
  const { device } = await open({})
  device.regions.bar0.write32(8, 0xabcd)
  expect(device.regions.bar0.read32(8)).toBe(0xabcd)
  expect(device.regions.bar0.flags.mmap).toBe(false)
})

describe('mapped directly', () => {
  test('it is all there, and the same memory as trapped', async () => {
    const { device } = await open({ mmap: 'direct' })
    using mapped = device.regions.bar0.map()
    device.regions.bar0.write64(2 * page, 0x1122_3344_5566_7788n)
    expect(mapped.read64(2 * page)).toBe(0x1122_3344_5566_7788n)
  })

  test('what was taken back is EFAULT for good, and a new mapping works', async () => {
    const { device, model } = await open({ mmap: 'direct' })
    using mapped = device.regions.bar0.map()
    model.memory.takeBack()
    expect(codeOf(() => mapped.read32(0))).toBe('DEVICE_MEMORY_GONE')
    using again = device.regions.bar0.map()
    expect(again.read32(0)).toBe(0)
    expect(codeOf(() => mapped.write32(0, 1))).toBe('DEVICE_MEMORY_GONE')
  })
})

describe('mapped on fault', () => {
  test('each page is asked for once, at its first touch, with the kind of access', async () => {
    const faults: string[] = []
    const { device } = await open({
      mmap: {
        fault(number, access) {
          faults.push(`${number} ${access}`)
          return true
        },
      },
    })
    using mapped = device.regions.bar0.map()
    expect(faults).toEqual([])
    mapped.write8(page, 1)
    mapped.read8(page + 1)
    mapped.read8(0)
    expect(faults).toEqual(['1 w', '0 r'])
  })

  test('a page that is taken back faults again; another mapping has its own', async () => {
    let faults = 0
    const { device, model } = await open({ mmap: { fault: () => ++faults > 0 } })
    using one = device.regions.bar0.map()
    using other = device.regions.bar0.map()
    one.read8(0)
    other.read8(0)
    expect(faults).toBe(2)
    model.memory.takeBack()
    one.read8(0)
    expect(faults).toBe(3)
  })

  test('the model may supply other bytes, the same for two pages', async () => {
    const shared = new Uint8Array(page)
    const { device } = await open({ mmap: { fault: () => shared } })
    using mapped = device.regions.bar0.map()
    mapped.write32(0x10, 7)
    expect(mapped.read32(page + 0x10)).toBe(7)
  })

  test('a refused page can be tried again', async () => {
    let isOn = false
    const { device } = await open({ mmap: { fault: () => isOn } })
    using mapped = device.regions.bar0.map()
    expect(codeOf(() => mapped.read8(0))).toBe('DEVICE_MEMORY_GONE')
    isOn = true
    expect(mapped.read8(0)).toBe(0)
  })
})
