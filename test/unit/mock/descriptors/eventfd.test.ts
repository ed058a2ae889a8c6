import { expect, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { codeOf } from '../machine.ts'

const kernel = createMockKernel('demo')

function counter(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('adds up what is written, little-endian; a read takes it all, then is EAGAIN', () => {
  const fd = kernel.eventfd(2)
  expect(kernel.write(fd, counter(0x100n))).toBe(8)
  const bytes = new Uint8Array(8)
  expect(kernel.read(fd, bytes)).toBe(8)
  expect(bytes).toEqual(counter(0x102n))
  expect(codeOf(() => kernel.read(fd, bytes))).toBe('EAGAIN')
})

test('is EINVAL for fewer than 8 bytes and for 2^64-1, EAGAIN past 2^64-2, ESPIPE for an offset', () => {
  const fd = kernel.eventfd(1)
  expect(codeOf(() => kernel.read(fd, new Uint8Array(7)))).toBe('EINVAL')
  expect(codeOf(() => kernel.write(fd, new Uint8Array(7)))).toBe('EINVAL')
  expect(codeOf(() => kernel.write(fd, counter(2n ** 64n - 1n)))).toBe('EINVAL')
  expect(codeOf(() => kernel.write(fd, counter(2n ** 64n - 2n)))).toBe('EAGAIN')
  expect(codeOf(() => kernel.pread(fd, new Uint8Array(8), 0))).toBe('ESPIPE')
})

test('a watch calls back for as long as there is something to read, and never once closed', async () => {
  const fd = kernel.eventfd()
  const calls: number[] = []
  const watch = kernel.watch(fd, () => {
    calls.push(calls.length)
    if (calls.length === 3) kernel.read(fd, new Uint8Array(8))
  })
  await turn()
  expect(calls).toEqual([])
  kernel.write(fd, counter(1n))
  for (let count = 0; count < 6; count++) await turn()
  expect(calls).toEqual([0, 1, 2])
  kernel.write(fd, counter(1n))
  watch.close()
  await turn()
  expect(calls).toEqual([0, 1, 2])
})

test('a watch on what is readable already calls back', async () => {
  const fd = kernel.eventfd(1)
  let calls = 0
  const watch = kernel.watch(fd, () => {
    calls++
    watch.close()
  })
  await turn()
  await turn()
  expect(calls).toBe(1)
})

test('only what can be polled can be watched', () => {
  expect(codeOf(() => kernel.watch(kernel.open('/etc', 'r'), () => {}))).toBe('EPERM')
})

test('memory has accessors of its width, and is gone from every view after close', () => {
  const memory = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
  const view = memory.view()
  memory.write32(8, 0x1234_5678)
  memory.write64(16, 0xffff_ffff_ffff_fffen)
  expect([view[8], memory.read16(10), memory.read8(11), memory.read64(16)]).toEqual([
    0x78,
    0x1234,
    0x12,
    0xffff_ffff_ffff_fffen,
  ])
  for (const access of [() => memory.read32(4094), () => memory.read16(1), () => memory.write8(-1, 0)]) {
    expect(access).toThrow(RangeError)
  }
  memory.close()
  memory.close()
  expect([memory.length, view.length, memory.view().length]).toEqual([0, 0, 0])
  expect(codeOf(() => kernel.allocateMemory({ size: 100, kind: 'anonymous' }))).toBe('EINVAL')
})

test('a memfd has a descriptor as long as its memory', () => {
  const memory = kernel.allocateMemory({ size: 4096, kind: 'memfd' })
  const { fd } = memory
  if (fd === null) throw new Error('no descriptor')
  expect(kernel.files.readlink(`/proc/self/fd/${fd}`)).toBe('/memfd:vfioctl (deleted)')
  memory.close()
  expect(codeOf(() => kernel.close(fd))).toBe('EBADF')
})
