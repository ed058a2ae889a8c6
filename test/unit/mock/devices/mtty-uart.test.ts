import { beforeEach, expect, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { createMdev, openMdev, port, uuid } from '../machine.ts'

const [data, lcr, mcr] = [0, 3, 4]
let kernel: Kernel
let device: number
let uart: ReturnType<typeof port>

beforeEach(async () => {
  kernel = createMockKernel('demo')
  await createMdev(kernel, 'mtty-2', uuid)
  device = openMdev(kernel, uuid).device
  uart = port(kernel, device)
})

test('a 4-byte read takes one byte of the FIFO and leaves the rest undefined: zeros here', () => {
  uart.write(data, 0x41, 0x42)
  const bytes = new Uint8Array(4).fill(0xee)
  expect(kernel.pread(device, bytes, 0)).toBe(4)
  expect([...bytes]).toEqual([0x41, 0, 0, 0])
  expect(uart.read(data)).toBe(0x42)
})

test('an unaligned read is a byte, then as wide as what is left allows', () => {
  uart.write(lcr, 0x1b)
  uart.write(mcr, 0x20)
  const bytes = new Uint8Array(5).fill(0xee)
  kernel.pread(device, bytes, 3)
  expect([...bytes]).toEqual([0x1b, 0x20, 0, 0, 0])
})
