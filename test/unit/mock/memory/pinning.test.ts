import { describe, expect, test } from 'vitest'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { type DeviceContext, type GuestMemory, MdevModel } from '../../../../src/mock.ts'
import { codeOf } from '../machine.ts'
import { Bare, openModel, readWrite } from '../sdk/open-model.ts'

const page = 4096

/** Unpins what it is asked for, as drivers must. */
class Polite extends MdevModel {
  readonly asked: (readonly [bigint, bigint])[] = []

  constructor(context: DeviceContext) {
    super(context)
    context.memory.onUnmap((iova, size) => {
      this.asked.push([iova, size])
      context.memory.unpin(iova, Number(size) / page)
    })
  }
}

function pinError(memory: GuestMemory, iova: bigint, pages = 1, access = readWrite): unknown {
  return codeOf(() => memory.pin(iova, pages, access))
}

describe('pages that a driver pins', () => {
  test('are counted, and charged once', async () => {
    const { mock, device, model } = await openModel((context) => new Polite(context))
    const { memory } = model.context
    await using buffer = await device.dma.allocate(4 * page)
    expect(mock.inspect.lockedBytes).toBe(0n)
    const first = memory.pin(buffer.iova, 2, readWrite)
    expect(memory.pin(buffer.iova, 1, readWrite)).toEqual([first[0]])
    expect(mock.inspect.pinned.map(({ iova, count }) => [iova, count])).toEqual([
      [buffer.iova, 2],
      [buffer.iova + 4096n, 1],
    ])
    expect(mock.inspect.lockedBytes).toBe(8192n)
    memory.unpin(buffer.iova, 2)
    expect(mock.inspect.lockedBytes).toBe(4096n)
    memory.unpin(buffer.iova, 1)
    expect([mock.inspect.pinned, mock.inspect.lockedBytes]).toEqual([[], 0n])
  })

  test('are asked back when the mapping goes', async () => {
    const { mock, device, model } = await openModel((context) => new Polite(context))
    const buffer = await device.dma.allocate(2 * page)
    model.context.memory.pin(buffer.iova, 2, readWrite)
    buffer.close()
    expect(model.asked).toEqual([[buffer.iova, 8192n]])
    expect([mock.inspect.pinned, mock.inspect.mapped, mock.inspect.lockedBytes]).toEqual([[], [], 0n])
  })

  test('that it keeps all the same are a defect, which the kernel would stop at', async () => {
    const { device, model } = await openModel((context) => new Bare(context))
    const { memory } = model.context
    memory.onUnmap(() => {})
    const buffer = await device.dma.allocate(page)
    memory.pin(buffer.iova, 1, readWrite)
    expect(() => buffer.close()).toThrow(/keeps 0x[0-9a-f]+ pinned/)
    memory.unpin(buffer.iova, 1)
  })

  test('are let go when the device is closed, although the mapping stays', async () => {
    const { mock, host, device, uuid, made } = await openModel((context) => new Polite(context))
    device.close()
    const serial = await host.start({ parent: 'mtty', type: 'mtty-1' })
    const addressSpace = await host.openAddressSpace()
    await host.openDevice(serial.uuid ?? '', { addressSpace })
    const again = await host.openDevice(uuid, { addressSpace })
    const buffer = await again.dma.allocate(page)
    made.at(-1)?.context.memory.pin(buffer.iova, 1, readWrite)
    expect(mock.inspect.lockedBytes).toBe(4096n)
    again.close()
    expect(mock.inspect.mapped).toHaveLength(1)
    expect([mock.inspect.pinned, mock.inspect.lockedBytes]).toEqual([[], 0n])
  })

  test('are all or none', async () => {
    const { mock, device, model } = await openModel((context) => new Polite(context))
    await using buffer = await device.dma.allocate(2 * page)
    expect(pinError(model.context.memory, buffer.iova, 3)).toBe('EINVAL')
    expect(mock.inspect.pinned).toEqual([])
  })

  test('are EINVAL unmapped, EPERM beyond what is allowed, E2BIG beyond 512, ENOMEM beyond the limit', async () => {
    const scenario = { ...demo, lockedMemory: page }
    const { device, model } = await openModel((context) => new Polite(context), { scenario })
    const { memory } = model.context
    await using readable = await device.dma.allocate(2 * page, { access: 'r' })
    expect(pinError(memory, 0x7_0000_0000n)).toBe('EINVAL')
    expect(pinError(memory, readable.iova)).toBe('EPERM')
    expect(pinError(memory, readable.iova, 513)).toBe('E2BIG')
    expect(codeOf(() => memory.pin(readable.iova, 2, { read: true, write: false }))).toBe('ENOMEM')
    expect(codeOf(() => memory.pin(readable.iova, 1, { read: true, write: false }))).toBeNull()
  })

  test('are EINVAL for a driver that does not hear of unmaps', async () => {
    const { device, model } = await openModel((context) => new Bare(context))
    await using buffer = await device.dma.allocate(page)
    expect(pinError(model.context.memory, buffer.iova)).toBe('EINVAL')
  })

  test('are EACCES in a container of the first version', async () => {
    const { device, model } = await openModel((context) => new Polite(context), { iommu: 'type1' })
    await using buffer = await device.dma.allocate(page)
    expect(pinError(model.context.memory, buffer.iova)).toBe('EACCES')
  })
})

describe('the address of a pinned page for the hardware', () => {
  test.each([
    ['its physical one without an IOMMU', 'bench', false],
    ['one of the IOMMU’s behind one', '0000:3b:00.0', true],
  ])('is %s, the same when asked again, and gone with the last pin', async (_, parent, hasIommu) => {
    const { mock, device, model } = await openModel((context) => new Polite(context), { parent })
    const { memory, bus } = model.context
    await using buffer = await device.dma.allocate(2 * page)
    buffer.view().set([1, 2, 3], 16)
    memory.pin(buffer.iova, 2, readWrite)
    const address = memory.dmaAddress(buffer.iova)
    expect(address === mock.inspect.pinned[0]?.physical).toBe(!hasIommu)
    expect(memory.dmaAddress(buffer.iova + 16n)).toBe(address + 16n)
    const bytes = new Uint8Array(3)
    expect(bus.read(address + 16n, bytes)).toBe(true)
    expect([...bytes]).toEqual([1, 2, 3])
    memory.unpin(buffer.iova, 2)
    expect(bus.read(address + 16n, bytes)).toBe(false)
    expect(codeOf(() => memory.dmaAddress(buffer.iova))).toBe('EINVAL')
  })

  test('is of that page alone: the next one lies elsewhere', async () => {
    const { device, model } = await openModel((context) => new Polite(context))
    await using buffer = await device.dma.allocate(2 * page)
    const [first = 0n, second = 0n] = model.context.memory.pin(buffer.iova, 2, readWrite)
    expect(second - first).not.toBe(4096n)
  })
})

describe('memory by the guest’s address', () => {
  test('is read and written across mappings', async () => {
    const { device, model } = await openModel((context) => new Polite(context))
    const { memory } = model.context
    await using first = await device.dma.allocate(page, { iova: 0x10_0000n })
    await using second = await device.dma.allocate(page, { iova: 0x10_1000n })
    memory.write(0x10_0ffen, Uint8Array.of(1, 2, 3, 4))
    expect([...first.view().subarray(-2), ...second.view().subarray(0, 2)]).toEqual([1, 2, 3, 4])
    const bytes = new Uint8Array(4)
    memory.read(0x10_0ffen, bytes)
    expect([...bytes]).toEqual([1, 2, 3, 4])
  })

  test('is EINVAL where nothing is mapped, and EPERM where it may not be written, or not be read', async () => {
    const { device, model } = await openModel((context) => new Polite(context))
    const { memory } = model.context
    await using readable = await device.dma.allocate(page, { access: 'r' })
    await using writable = await device.dma.allocate(page, { access: 'w' })
    const bytes = new Uint8Array(1)
    expect(codeOf(() => memory.read(0x7_0000_0000n, bytes))).toBe('EINVAL')
    expect(codeOf(() => memory.write(readable.iova, bytes))).toBe('EPERM')
    expect(codeOf(() => memory.write(writable.iova, bytes))).toBe('EPERM')
    expect(codeOf(() => memory.read(readable.iova, bytes))).toBeNull()
  })
})
