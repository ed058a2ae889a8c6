import { expect, test } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { pageFrame } from '../../src/uapi/pagemap.ts'

const page = 4096

test('every page that is asked for is in memory, touched before or not', ({ skip }) => {
  if (process.env['LD_PRELOAD']?.includes('asan') === true) skip('AddressSanitizer makes mlock(2) do nothing')
  const memory = loadAddon().allocateMemory(8 * page, 'anonymous')
  const entries = loadAddon().pageFrames(memory, 2 * page, 4)
  expect([...entries].map((entry) => pageFrame(entry) !== null)).toEqual([true, true, true, true])
  memory.close()
})

test('pages outside the memory, of closed memory, or of what is none are refused', () => {
  const { allocateMemory, pageFrames } = loadAddon()
  const memory = allocateMemory(2 * page, 'anonymous')
  expect(() => pageFrames(memory, 0, 3)).toThrow(RangeError)
  expect(() => pageFrames(memory, 2 * page, 1)).toThrow(RangeError)
  expect(() => pageFrames(memory, 0, 0)).toThrow(RangeError)
  expect(() => pageFrames(memory, 8, 1)).toThrow(RangeError)
  expect(() => pageFrames(memory, 0, Number.MAX_SAFE_INTEGER)).toThrow(RangeError)
  memory.close()
  expect(() => pageFrames(memory, 0, 1)).toThrow(TypeError)
})
