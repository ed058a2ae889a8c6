import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import { deviceFixtures } from '../device-fixtures.ts'
import { allocate, skipWithoutMode, type TranslatingMode } from '../iommu-modes.ts'
import { isLinuxBefore } from '../kernel.ts'
import { pageBytes } from '../machine.ts'
import { newMdev } from '../open-mdev.ts'
import { mapDma, rawContainer, translating, unmapDma } from './raw-container.ts'

const mode = 'type1v2'
/** Address of the mapping of one page that ends at 2^64. */
const last = (1n << 64n) - pageBytes

test('a container loses a mapping that ends at 2^64 until Linux 6.19: no unmap finds it', async (context) => {
  const { kernel, address } = await deviceFixtures.mtty(context)
  if (kernel.name === 'mock') context.skip('the mock finds it: nothing of ours makes such a mapping')
  const raw = translating(rawContainer({ kernel, group: Number(address.group), address: address.name }, mode), mode)
  mapDma(raw, { iova: last })
  expect(unmapDma(raw, last, pageBytes)).toBe(isLinuxBefore({ kernel }, 6, 19) ? 0n : pageBytes)
})

/** An address space of that mode that has a mediated device, and a mapping for it. */
async function openMode(context: TestContext, mode: TranslatingMode) {
  const { kernel, group, uuid } = await newMdev(context, 'mtty', 'mtty-2')
  skipWithoutMode(context, kernel, mode)
  const device = openDevice(kernel, { group, name: uuid }, { iommu: mode })
  onTestFinished(() => device.close())
  const memory = allocate(kernel, Number(2n * pageBytes))
  const { addressSpace: space } = device
  const map = (iova: bigint, pages = 1) =>
    space.map({ iova, memory, offset: 0, size: pages * Number(pageBytes), access: 'rw' })
  return { space, map }
}

test.for(['type1', 'type1v2'] as const)(
  'an address space of VFIO’s own container (%s) makes no mapping that ends at 2^64, and all below it',
  async (mode, context) => {
    const { space, map } = await openMode(context, mode)
    const refused = expect.objectContaining({ name: 'VfioError', code: 'IOVA_RESERVED' })
    expect(() => map(last)).toThrow(refused)
    expect(() => map(last - pageBytes, 2)).toThrow(refused)
    map(last - pageBytes)
    expect(space.unmap(last - pageBytes, pageBytes)).toBe(pageBytes)
  },
)

test.for(['compat-type1', 'compat-type1v2', 'iommufd'] as const)(
  'an address space of iommufd (%s) makes and finds a mapping that ends at 2^64',
  async (mode, context) => {
    const { space, map } = await openMode(context, mode)
    map(last)
    expect(space.unmap(last, pageBytes)).toBe(pageBytes)
    map(last - pageBytes, 2)
    expect(space.unmapAll()).toBe(2n * pageBytes)
  },
)
