import { expect, test } from 'vitest'
import { deviceFixtures } from '../device-fixtures.ts'
import { isLinuxBefore } from '../kernel.ts'
import { pageBytes } from '../machine.ts'
import { openMdev } from '../open-mdev.ts'
import { mapDma, rawContainer, translating, unmapDma } from './raw-container.ts'

const mode = 'type1v2'
/** Where a mapping of one page ends at 2^64. */
const last = (1n << 64n) - pageBytes

test('a container loses a mapping that ends at 2^64 until Linux 6.19: no unmap finds it', async (context) => {
  const { kernel, address } = await deviceFixtures.mtty(context)
  if (kernel.name === 'mock') context.skip('the mock finds it: nothing of ours makes such a mapping')
  const raw = translating(rawContainer({ kernel, group: Number(address.group), address: address.name }, mode), mode)
  mapDma(raw, { iova: last })
  expect(unmapDma(raw, last, pageBytes)).toBe(isLinuxBefore({ kernel }, 6, 19) ? 0n : pageBytes)
})

test('an address space of a container makes no mapping that ends at 2^64, and all below it', async (context) => {
  const { kernel, device } = await openMdev(context, 'mtty', 'mtty-2')
  const { addressSpace: space } = device
  if (space.mode === 'iommufd') context.skip('iommufd finds it')
  const memory = kernel.allocateMemory({ size: Number(2n * pageBytes), kind: 'anonymous' })
  const mapAt = (iova: bigint, pages = 1) =>
    space.map({ iova, memory, offset: 0, size: pages * Number(pageBytes), access: 'rw' })
  const refused = expect.objectContaining({ name: 'VfioError', code: 'IOVA_RESERVED' })
  expect(() => mapAt(last)).toThrow(refused)
  expect(() => mapAt(last - pageBytes, 2)).toThrow(refused)
  mapAt(last - pageBytes)
  expect(space.unmap(last - pageBytes, pageBytes)).toBe(pageBytes)
})
