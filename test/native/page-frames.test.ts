import { closeSync, openSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { pageFrame } from '../../src/vfio/iommu/physical-pages.ts'

const page = 4096
const kernel = openLinux()

test('every page that is asked for is in memory, touched before or not', ({ skip }) => {
  if (process.env['LD_PRELOAD']?.includes('asan') === true) skip('AddressSanitizer makes mlock(2) do nothing')
  const memory = kernel.allocateMemory({ size: 8 * page, kind: 'anonymous' })
  const entries = kernel.pageFrames(memory, 2 * page, 4)
  expect([...entries].map((entry) => pageFrame(entry) !== null)).toEqual([true, true, true, true])
  memory.close()
})

test('pages outside the memory, of closed memory, or of what is none are refused', () => {
  const memory = kernel.allocateMemory({ size: 2 * page, kind: 'anonymous' })
  const pagemap = openSync('/proc/self/pagemap', 'r')
  onTestFinished(() => closeSync(pagemap))
  const frames = (of: unknown, offset: number, entries: unknown) => () =>
    Reflect.apply(loadAddon().pageFrames, undefined, [pagemap, of, offset, entries])
  expect(frames(memory, 0, new BigUint64Array(2))).not.toThrow()
  expect(frames(memory, 0, new BigUint64Array(3))).toThrow(RangeError)
  expect(frames(memory, 2 * page, new BigUint64Array(1))).toThrow(RangeError)
  expect(frames(memory, 2 ** 40, new BigUint64Array(0))).toThrow(RangeError)
  expect(frames(memory, 8, new BigUint64Array(1))).toThrow(RangeError)
  expect(frames(memory, 0, new Float64Array(1))).toThrow(RangeError)
  expect(frames(memory.view(), 0, new BigUint64Array(1))).toThrow(TypeError)
  memory.close()
  expect(frames(memory, 0, new BigUint64Array(1))).toThrow(TypeError)
})
