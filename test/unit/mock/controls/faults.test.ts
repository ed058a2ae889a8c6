import { expect, test } from 'vitest'
import { Host } from '../../../../src/index.ts'
import { createMockHost } from '../../../../src/mock.ts'
import { codeOf } from '../machine.ts'
import { Bare, openModel } from '../sdk/open-model.ts'

const page = 4096

test('the nth call of a kind fails, and those around it do not', async () => {
  const { mock, device } = await openModel((context) => new Bare(context))
  mock.faults.fail({ call: 'ioctl', request: 'VFIO_IOMMU_MAP_DMA', nth: 2 }, 'ENOMEM')
  await using first = await device.dma.allocate(page)
  await expect(device.dma.allocate(page)).rejects.toMatchObject({ errno: 'ENOMEM' })
  await using third = await device.dma.allocate(page)
  expect(mock.inspect.mapped.map(({ iova }) => iova)).toEqual([first.iova, third.iova].sort())
})

test('a fault can last, be taken back, and mean files by path', async () => {
  const { kernel, faults, inspect } = createMockHost()
  const mend = faults.fail({ call: 'files.write', path: /\/create$/, times: Number.POSITIVE_INFINITY }, 'EIO')
  await using host = new Host(kernel)
  const mtty = { parent: 'mtty', type: 'mtty-1' }
  await expect(host.start(mtty)).rejects.toMatchObject({ errno: 'EIO' })
  await expect(host.start(mtty)).rejects.toMatchObject({ errno: 'EIO' })
  mend()
  await host.start(mtty)
  expect(inspect.writes.map(({ path }) => path.split('/').at(-1))).toEqual(['create', 'create', 'create'])
})

test('the same number on a container is not taken for a device’s', () => {
  const { kernel, faults } = createMockHost()
  const container = kernel.open('/dev/vfio/vfio', 'rw')
  faults.fail({ call: 'ioctl', request: 'VFIO_DEVICE_QUERY_GFX_PLANE' }, 'ENOMEM')
  const unmap = 0x3b72
  expect(codeOf(() => kernel.ioctl(container, unmap, new Uint8Array(24)))).toBe('EINVAL')
})

test('a call that takes long lets time pass', () => {
  const { kernel, clock, faults } = createMockHost()
  clock.hold()
  const start = clock.now
  faults.delay({ call: 'open', path: '/dev/vfio/vfio' }, 300)
  kernel.open('/dev/vfio/vfio', 'rw')
  expect(clock.now - start).toBe(300)
  kernel.dispose()
})
