import { describe, expect, type TestContext, test } from 'vitest'
import { registerBlock } from '../../../src/vfio/registers/register-block.ts'
import { openMdev } from '../open-mdev.ts'

/** A 16550A; some places are one register for reads and another for writes, and two are the divisor while DLAB is set. */
const Uart = registerBlock({
  receiver: { offset: 0, width: 8, access: 'r' },
  transmitter: { offset: 0, width: 8, access: 'w' },
  divisorLow: { offset: 0, width: 8 },
  interruptEnable: {
    offset: 1,
    width: 8,
    fields: { received: 0, transmitterEmpty: 1, lineStatus: 2, modemStatus: 3, high: [7, 4] },
  },
  divisorHigh: { offset: 1, width: 8 },
  interruptIdentity: { offset: 2, width: 8, access: 'r', fields: { none: 0, source: [3, 1], fifos: [7, 6] } },
  fifoControl: { offset: 2, width: 8, access: 'w', fields: { enable: 0, clearReceiver: 1, clearTransmitter: 2 } },
  lineControl: { offset: 3, width: 8, fields: { wordLength: [1, 0], divisorLatch: 7 } },
  modemControl: { offset: 4, width: 8, fields: { dtr: 0, rts: 1, out2: 3, automaticFlow: 5 } },
  lineStatus: { offset: 5, width: 8, access: 'r', fields: { dataReady: 0, overrun: 1, empty: [6, 5] } },
  modemStatus: { offset: 6, width: 8, access: 'r' },
  scratch: { offset: 7, width: 8 },
})

/** The first port of a new mtty of two. */
async function openPort(context: TestContext) {
  const { device } = await openMdev(context, 'mtty', 'mtty-2')
  const { bar0, bar1 } = device.regions
  // the mtty of Linux 6.1 takes the kernel down where it raises an interrupt that nobody has enabled
  device.irqs.msi.enable([0])
  const uart = bar0.as(Uart)
  const send = (bytes: Iterable<number>) => {
    for (const byte of bytes) uart.transmitter.write(byte)
  }
  return { bar0, bar1, uart, send }
}

const fifteen = Uint8Array.from('fifteen bytes!!', (letter) => letter.charCodeAt(0))
const empty = { dataReady: false, overrun: false, empty: 3 }
const ready = { dataReady: true, overrun: false, empty: 0 }
const emptyEnables = { received: false, transmitterEmpty: false, lineStatus: false, modemStatus: false, high: 0 }

describe('the FIFO of mtty', () => {
  test('loops 15 bytes back, in order', async (context) => {
    const { uart, send } = await openPort(context)
    send(fifteen)
    expect(uart.lineStatus.fields()).toEqual(ready)
    expect(fifteen.map(() => uart.receiver.read())).toEqual(fifteen)
    expect(uart.lineStatus.fields()).toEqual(empty)
  })

  test('looks empty with the 16th byte, where head meets tail, and overruns with the 17th', async (context) => {
    const { uart, send } = await openPort(context)
    send(fifteen)
    send([0x10])
    expect(uart.lineStatus.read()).toBe(0x60)
    send([0x11])
    expect(uart.lineStatus.read()).toBe(0x62)
  })

  test('is emptied by FCR; the overrun stays until the next byte', async (context) => {
    const { uart, send } = await openPort(context)
    send(fifteen)
    send([0x10, 0x11])
    uart.fifoControl.write({ enable: true, clearReceiver: true, clearTransmitter: true })
    expect(uart.lineStatus.fields()).toEqual({ ...empty, overrun: true })
    send([0x41])
    expect(uart.lineStatus.read()).toBe(0x01)
    expect(uart.receiver.read()).toBe(0x41)
  })

  test('holds one byte where FCR does not enable it', async (context) => {
    const { uart, send } = await openPort(context)
    uart.fifoControl.write({ clearReceiver: true, clearTransmitter: true })
    send([0x41, 0x42])
    expect(uart.lineStatus.fields()).toEqual({ ...ready, overrun: true })
    expect(uart.receiver.read()).toBe(0x41)
    expect(uart.lineStatus.fields()).toEqual({ ...empty, overrun: true })
  })
})

describe('the registers of mtty', () => {
  test('a new port has its registers at their reset values', async (context) => {
    const { uart } = await openPort(context)
    expect(uart.interruptEnable.fields()).toEqual(emptyEnables)
    expect(uart.interruptIdentity.fields()).toEqual({ none: true, source: 0, fifos: 3 })
    expect(uart.lineControl.fields()).toEqual({ wordLength: 0, divisorLatch: false })
    expect(uart.modemControl.fields()).toEqual({ dtr: false, rts: false, out2: false, automaticFlow: false })
    expect(uart.lineStatus.fields()).toEqual(empty)
    expect([uart.modemStatus.read(), uart.scratch.read()]).toEqual([0xb3, 0])
  })

  test('keep what is written: LCR, MCR and the scratch register; LSR and MSR do not', async (context) => {
    const { bar0, uart } = await openPort(context)
    for (const { offset } of [uart.scratch, uart.lineStatus, uart.modemStatus]) bar0.write8(offset, 0x5a)
    uart.lineControl.write(0x1b)
    uart.modemControl.write(0x2b)
    expect([uart.scratch.read(), uart.lineControl.read(), uart.modemControl.read()]).toEqual([0x5a, 0x1b, 0x2b])
    expect([uart.lineStatus.read(), uart.modemStatus.read()]).toEqual([0x60, 0xb3])
  })

  test('show the low four bits of IER alone', async (context) => {
    const { uart } = await openPort(context)
    uart.interruptEnable.write(0xf8)
    expect(uart.interruptEnable.fields()).toEqual({ ...emptyEnables, modemStatus: true })
  })

  test('are each port’s own', async (context) => {
    const { bar1, uart } = await openPort(context)
    const other = bar1.as(Uart)
    uart.scratch.write(0x11)
    other.transmitter.write(0x22)
    expect([uart.scratch.read(), other.scratch.read()]).toEqual([0x11, 0])
    expect([uart.lineStatus.fields(), other.lineStatus.fields()]).toEqual([empty, ready])
  })

  test('give way to the divisor behind DLAB, which is ORed in, and zeroed by setting DLAB', async (context) => {
    const { uart } = await openPort(context)
    const divisor = () => [uart.divisorLow.read(), uart.divisorHigh.read()]
    uart.interruptEnable.write({ modemStatus: true })
    uart.lineControl.update({ divisorLatch: true })
    expect(divisor()).toEqual([0, 0])
    uart.divisorLow.write(0x0c)
    uart.divisorHigh.write(0x01)
    expect(divisor()).toEqual([0x0c, 0x01])
    uart.divisorLow.write(0x03)
    expect(divisor()).toEqual([0x0f, 0x01])
    uart.lineControl.update({ divisorLatch: true })
    expect(divisor()).toEqual([0, 0])
    uart.lineControl.update({ divisorLatch: false })
    expect(uart.interruptEnable.fields()).toEqual({ ...emptyEnables, modemStatus: true })
    expect(uart.lineStatus.fields()).toEqual(empty)
  })

  test('take CTS away while automatic flow control is on and the FIFO is full', async (context) => {
    const { uart, send } = await openPort(context)
    uart.fifoControl.write({ clearReceiver: true, clearTransmitter: true })
    uart.modemControl.update({ automaticFlow: true })
    expect(uart.modemStatus.read()).toBe(0xb3)
    send([0x41])
    expect(uart.modemStatus.read()).toBe(0xa2)
    uart.modemControl.update({ automaticFlow: false })
    expect(uart.modemStatus.read()).toBe(0xb3)
    uart.modemControl.update({ automaticFlow: true })
    uart.receiver.read()
    expect(uart.modemStatus.read()).toBe(0xb3)
  })

  test('name the interrupts that are pending: 1 transmitter empty, 2 received, 3 line status', async (context) => {
    const { uart, send } = await openPort(context)
    const identity = () => uart.interruptIdentity.fields()
    uart.interruptEnable.write({ transmitterEmpty: true })
    expect(identity()).toEqual({ none: false, source: 1, fifos: 3 })
    // the trigger level is 0 until FCR is written, and then 1
    uart.interruptEnable.write({ received: true })
    expect(identity()).toEqual({ none: false, source: 2, fifos: 3 })
    uart.fifoControl.write({ enable: true })
    expect(identity()).toEqual({ none: true, source: 0, fifos: 3 })
    send([0x41])
    expect(identity()).toEqual({ none: false, source: 2, fifos: 3 })
    uart.fifoControl.write({ clearReceiver: true })
    uart.interruptEnable.write({ lineStatus: true })
    expect(identity()).toEqual({ none: true, source: 0, fifos: 3 })
    send([0x41, 0x42])
    expect(identity()).toEqual({ none: false, source: 3, fifos: 3 })
  })

  test('take the first byte of each access: 6 bytes at 0 are 4 there and 2 at 4', async (context) => {
    const { bar0, uart } = await openPort(context)
    bar0.writeFrom(0, Uint8Array.of(0x41, 0xff, 0xff, 0xff, 0x0b, 0xff))
    expect(uart.receiver.read()).toBe(0x41)
    expect([uart.interruptEnable.read(), uart.lineControl.read(), uart.modemControl.read()]).toEqual([0, 0, 0x0b])
    expect(uart.lineStatus.fields()).toEqual(empty)
  })

  test('give one byte of the FIFO to an access of 4', async (context) => {
    const { bar0, uart, send } = await openPort(context)
    send([0x41, 0x42])
    // the other three bytes are what the driver's stack held
    expect(bar0.read32(0) & 0xff).toBe(0x41)
    expect(uart.receiver.read()).toBe(0x42)
  })
})
