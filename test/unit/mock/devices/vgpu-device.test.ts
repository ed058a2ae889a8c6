import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { type Device, openDevice } from '../../../../src/vfio/device.ts'

const card = '0000:3b:00.0'

/** vGPUs of the T4 in `demo`, all of one type, as the card will have it. */
function t4(type = 'nvidia-222') {
  const kernel = createMockKernel('demo')
  onTestFinished(() => kernel.dispose())
  return async (): Promise<Device> => {
    const uuid = randomUUID()
    await kernel.files.write(`/sys/class/mdev_bus/${card}/mdev_supported_types/${type}/create`, uuid)
    const link = kernel.files.readlink(`/sys/bus/mdev/devices/${uuid}/iommu_group`)
    return openDevice(kernel, { group: Number(link.split('/').at(-1)), name: uuid })
  }
}

async function savedOf({ migration }: Device): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of migration.save()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('a vGPU has trapped registers, a window to its framebuffer that can be mapped, INTx and MSI', async () => {
  using device = await t4()()
  const shown = [...device.regions].filter(({ size }) => size > 0)
  expect(shown.map(({ name, size, flags }) => [name, size, flags.mmap])).toEqual([
    ['bar0', 16 * 2 ** 20, false],
    ['bar1', 256 * 2 ** 20, true],
    ['config', 256, false],
  ])
  expect(['intx', 'msi', 'msix'].map((name) => device.irqs.get(name).count)).toEqual([1, 1, 0])
})

test('the framebuffer of a vGPU is there from the first touch on, while memory decoding is on', async () => {
  using device = await t4()()
  const framebuffer = device.regions.bar1.map()
  expect(() => framebuffer.read32(0x1000)).toThrow(expect.objectContaining({ code: 'DEVICE_MEMORY_GONE' }))
  device.pci.memoryDecode = true
  framebuffer.write32(0x1000, 0xcafe_f00d)
  device.pci.memoryDecode = false
  expect(() => framebuffer.read32(0x1000)).toThrow(expect.objectContaining({ code: 'DEVICE_MEMORY_GONE' }))
  device.pci.memoryDecode = true
  expect([framebuffer.read32(0x1000), device.regions.bar1.read32(0x1000)]).toEqual([0xcafe_f00d, 0xcafe_f00d])
  await device.reset()
  device.pci.memoryDecode = true
  expect(framebuffer.read32(0x1000)).toBe(0)
})

test('a vGPU moves into another of its type, with registers, framebuffer and configuration', async () => {
  const create = t4()
  using first = await create()
  using second = await create()
  expect(first.migration.can).toEqual({ stopCopy: true, p2p: false, preCopy: false })
  first.pci.memoryDecode = true
  first.regions.bar0.write32(0x40_0000, 0x1111_2222)
  first.regions.bar1.write32(0xff_fff8, 0x3333_4444)
  second.regions.bar0.write32(0x8, 0x5555)
  await second.migration.restore([await savedOf(first)])
  const { bar0, bar1 } = second.regions
  expect([bar0.read32(0x40_0000), bar1.read32(0xff_fff8), bar0.read32(8)]).toEqual([0x1111_2222, 0x3333_4444, 0])
  expect([second.pci.memoryDecode, second.migration.state, first.migration.state]).toEqual([true, 'running', 'stop'])
})

test.for([
  ['truncated', (saved: Buffer) => saved.subarray(0, -1)],
  ['with a page that is not there', (saved: Buffer) => changed(saved, saved.length - 4096 - 1, 0xff)],
  ['with a region that is not there', (saved: Buffer) => changed(saved, saved.length - 4096 - 8, 7)],
  ['with more pages than it holds', (saved: Buffer) => changed(saved, 16 + 36, 0xff)],
  ['of another device', (saved: Buffer) => changed(saved, 6, 0)],
] as const)('a stream that is %s is refused, and the vGPU is as if new', async ([, spoil]) => {
  const create = t4()
  using first = await create()
  using second = await create()
  first.regions.bar0.write32(0, 1)
  const saved = await savedOf(first)
  await expect(second.migration.restore([spoil(saved)])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect([second.migration.state, second.regions.bar0.read32(0)]).toEqual(['running', 0])
  await second.migration.restore([saved])
  expect(second.regions.bar0.read32(0)).toBe(1)
})

test('a vGPU has no state that needs what it cannot do', async () => {
  using device = await t4()()
  for (const state of ['pre-copy', 'pre-copy-p2p', 'running-p2p'] as const) {
    expect(() => device.migration.move(state)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
  device.migration.move('stop-copy')
  device.migration.move('running')
  expect(device.migration.state).toBe('running')
})

function changed(saved: Buffer, at: number, value: number): Buffer {
  const bytes = Buffer.from(saved)
  bytes.writeUInt8(value, at)
  return bytes
}
