import { beforeEach, describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../src/mock/mock-kernel.ts'
import { createMdev, openMdev, port, uuid } from './machine.ts'

const [data, ier, iir, fcr, lcr, mcr, lsr, msr, scr] = [0, 1, 2, 2, 3, 4, 5, 6, 7]
let kernel: Kernel
let device: number
let uart: ReturnType<typeof port>

beforeEach(async () => {
  kernel = createMockKernel('demo')
  await createMdev(kernel, 'mtty-2', uuid)
  device = openMdev(kernel, uuid).device
  uart = port(kernel, device)
})

describe('registers of a new port', () => {
  test.each([
    ['IER', ier, 0x00],
    ['IIR', iir, 0xc1],
    ['LCR', lcr, 0x00],
    ['MCR', mcr, 0x00],
    ['LSR', lsr, 0x60],
    ['MSR', msr, 0xb3],
    ['SCR', scr, 0x00],
  ])('%s', (_, offset, value) => expect(uart.read(offset)).toBe(value))

  test('SCR and LCR keep what is written, LSR and MSR do not', () => {
    for (const offset of [scr, lsr, msr]) uart.write(offset, 0x5a)
    uart.write(lcr, 0x1b)
    expect([scr, lcr, lsr, msr].map(uart.read)).toEqual([0x5a, 0x1b, 0x60, 0xb3])
  })

  test('IER keeps a byte and shows its low four bits', () => {
    uart.write(ier, 0xf0)
    expect(uart.read(ier)).toBe(0x00)
  })

  test('each port has its own', () => {
    uart.write(scr, 0x11)
    expect(port(kernel, device, 1).read(scr)).toBe(0)
  })
})

describe('loopback FIFO', () => {
  const text = [...'fifteen bytes!!'].map((letter) => letter.charCodeAt(0))

  test('15 bytes come back in order', () => {
    uart.write(data, ...text)
    expect(uart.read(lsr)).toBe(0x01)
    expect(text.map(() => uart.read(data))).toEqual(text)
    expect(uart.read(lsr)).toBe(0x60)
  })

  test('the 16th makes head meet tail, which looks empty; the 17th overruns', () => {
    uart.write(data, ...text, 0x10)
    expect(uart.read(lsr)).toBe(0x60)
    uart.write(data, 0x11)
    expect(uart.read(lsr)).toBe(0x62)
  })

  test('FCR 0x07 empties it and keeps the overrun, which the next byte clears', () => {
    uart.write(data, ...text, 0x10, 0x11)
    uart.write(fcr, 0x07)
    expect(uart.read(lsr)).toBe(0x62)
    uart.write(data, 0x41)
    expect(uart.read(lsr)).toBe(0x01)
    expect(uart.read(data)).toBe(0x41)
  })

  test('FCR without bit 0 leaves a depth of one', () => {
    uart.write(fcr, 0x06)
    uart.write(data, 0x41, 0x42)
    expect(uart.read(lsr)).toBe(0x03)
    expect(uart.read(data)).toBe(0x41)
  })
})

describe('divisor', () => {
  test('is behind DLAB at offsets 0 and 1, ORed in, and zeroed by setting DLAB', () => {
    uart.write(lcr, 0x80)
    uart.write(data, 0x0c)
    uart.write(ier, 0x01)
    expect([uart.read(data), uart.read(ier)]).toEqual([0x0c, 0x01])
    uart.write(data, 0x03)
    expect(uart.read(data)).toBe(0x0f)
    uart.write(lcr, 0x80)
    expect([uart.read(data), uart.read(ier)]).toEqual([0, 0])
    uart.write(lcr, 0x03)
    expect(uart.read(ier)).toBe(0x00)
  })
})

describe('modem status', () => {
  test('CTS goes while automatic flow control is on and the FIFO is full', () => {
    uart.write(fcr, 0x06)
    uart.write(mcr, 0x20)
    expect(uart.read(msr)).toBe(0xb3)
    uart.write(data, 0x41)
    expect(uart.read(msr)).toBe(0xa2)
    uart.write(mcr, 0x00)
    expect(uart.read(msr)).toBe(0xb3)
  })
})

describe('interrupt identity', () => {
  test('THRI while empty', () => {
    uart.write(ier, 0x02)
    expect(uart.read(iir)).toBe(0xc2)
  })

  test('RDI even when empty, until the first FCR write sets a trigger level', () => {
    uart.write(ier, 0x01)
    expect(uart.read(iir)).toBe(0xc4)
    uart.write(fcr, 0x01)
    expect(uart.read(iir)).toBe(0xc1)
    uart.write(data, 0x41)
    expect(uart.read(iir)).toBe(0xc4)
  })

  test('RLSI after an overrun', () => {
    uart.write(fcr, 0x06)
    uart.write(ier, 0x04)
    uart.write(data, 0x41, 0x42)
    expect(uart.read(iir)).toBe(0xc6)
  })
})

describe('access widths', () => {
  test('a 6-byte write at 0 is a 4-byte write at 0 and a 2-byte write at 4, each of its first byte', () => {
    kernel.pwrite(device, Uint8Array.of(0x41, 0xff, 0xff, 0xff, 0x0b, 0xff), 0)
    expect([data, ier, lcr, mcr].map(uart.read)).toEqual([0x41, 0, 0, 0x0b])
    expect(uart.read(lsr)).toBe(0x60)
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
})
