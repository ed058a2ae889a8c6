import { restoreBytes, saveBytes, savedField, savedFlag, savedNumber } from '../base/saved.ts'

const depth = 16

/** Register offsets; some are another register for writes than for reads (linux/serial_reg.h). */
const reg = { data: 0, ier: 1, iir: 2, fcr: 2, lcr: 3, mcr: 4, lsr: 5, msr: 6, scr: 7 } as const
const ier = { rdi: 0x01, thri: 0x02, rlsi: 0x04, msi: 0x08 } as const
const iir = { noInterrupt: 0x01, thri: 0x02, rdi: 0x04, rlsi: 0x06, fifos: 0xc0 } as const
const fcr = { enable: 0x01, clearReceiver: 0x02, clearTransmitter: 0x04 } as const
const lcr = { dlab: 0x80 } as const
const mcr = { dtr: 0x01, rts: 0x02, out2: 0x08, afe: 0x20 } as const
const lsr = { dataReady: 0x01, overrun: 0x02, transmitterEmpty: 0x60 } as const
const msr = { dsrDcdDelta: 0xa2, ctsDelta: 0x11 } as const

/** Bytes of a port in the driver's memory, and where in them what stands; before the FIFO, the registers. */
export const portSize = 36
const place = { fifo: 8, head: 24, latch: 27, divisor: 30, fifoSize: 33 } as const

/**
 * One port of the mtty sample driver: a 16550A whose transmitter feeds its own receiver. Its departures from a real
 * UART are the driver's: the FIFO counts as empty when head meets tail, so the 16th byte hides all; the divisor is ORed
 * together; until the first write of FCR the trigger level is 0.
 */
export class Uart {
  readonly #raise: () => void
  readonly #fifo = new Uint8Array(depth)
  #head: number
  #tail: number
  #count: number
  #ier: number
  #lcr: number
  #mcr: number
  #scr: number
  #divisor: number
  #overrun: boolean
  #fifoSize: number
  #triggerLevel: number

  constructor(saved: unknown, raise: () => void) {
    this.#raise = raise
    restoreBytes(this.#fifo, savedField(saved, 'fifo'))
    this.#head = savedNumber(saved, 'head', 0, depth - 1)
    this.#tail = savedNumber(saved, 'tail', 0, depth - 1)
    this.#count = savedNumber(saved, 'count', 0, depth)
    this.#ier = savedNumber(saved, 'ier', 0, 0xff)
    this.#lcr = savedNumber(saved, 'lcr', 0, 0xff)
    this.#mcr = savedNumber(saved, 'mcr', 0, 0xff)
    this.#scr = savedNumber(saved, 'scr', 0, 0xff)
    this.#divisor = savedNumber(saved, 'divisor', 0, 0xffff)
    this.#overrun = savedFlag(saved, 'overrun')
    this.#fifoSize = savedNumber(saved, 'fifoSize', depth, depth)
    this.#triggerLevel = savedNumber(saved, 'triggerLevel', 0, depth)
  }

  save(): unknown {
    return {
      fifo: saveBytes(this.#fifo),
      head: this.#head,
      tail: this.#tail,
      count: this.#count,
      ier: this.#ier,
      lcr: this.#lcr,
      mcr: this.#mcr,
      scr: this.#scr,
      divisor: this.#divisor,
      overrun: this.#overrun,
      fifoSize: this.#fifoSize,
      triggerLevel: this.#triggerLevel,
    }
  }

  /** As the driver keeps it and migrates it: struct serial_port, of 36 bytes. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(portSize)
    bytes.set([0, this.#ier, 0, this.#lcr, this.#mcr, 0, 0, this.#scr])
    bytes.set(this.#fifo, place.fifo)
    bytes.set([this.#head, this.#tail, this.#count], place.head)
    bytes.set([Number(this.#latchesDivisor), Number(this.#overrun)], place.latch)
    bytes.set([this.#divisor & 0xff, this.#divisor >> 8], place.divisor)
    bytes.set([this.#fifoSize, this.#triggerLevel], place.fifoSize)
    return bytes
  }

  /** Cuts to the FIFO the values that would lead the driver, which does not check them, out of it. */
  fromBytes(bytes: Uint8Array): void {
    const at = (offset: number) => bytes[offset] ?? 0
    this.#ier = at(reg.ier)
    this.#lcr = at(reg.lcr)
    this.#mcr = at(reg.mcr)
    this.#scr = at(reg.scr)
    this.#fifo.set(bytes.subarray(place.fifo, place.fifo + depth))
    this.#head = at(place.head) % depth
    this.#tail = at(place.head + 1) % depth
    this.#count = Math.min(at(place.head + 2), depth)
    this.#overrun = at(place.latch + 1) !== 0
    this.#divisor = at(place.divisor) | (at(place.divisor + 1) << 8)
    this.#fifoSize = Math.min(at(place.fifoSize), depth)
    this.#triggerLevel = Math.min(at(place.fifoSize + 1), depth)
  }

  /** One access of whatever width reads one register into its first byte. */
  read(offset: number): number {
    switch (offset) {
      case reg.data:
        return this.#latchesDivisor ? this.#divisor & 0xff : this.#receive()
      case reg.ier:
        return this.#latchesDivisor ? this.#divisor >> 8 : this.#ier & 0x0f
      case reg.iir:
        return this.#interruptIdentity()
      case reg.lcr:
        return this.#lcr
      case reg.mcr:
        return this.#mcr
      case reg.lsr:
        return (this.#isEmpty ? lsr.transmitterEmpty : lsr.dataReady) | (this.#overrun ? lsr.overrun : 0)
      case reg.msr: {
        const isHeldBack = (this.#mcr & mcr.afe) !== 0 && this.#count >= this.#fifoSize
        return msr.dsrDcdDelta | (isHeldBack ? 0 : msr.ctsDelta)
      }
      case reg.scr:
        return this.#scr
      default:
        return 0
    }
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case reg.data:
        if (this.#latchesDivisor) this.#divisor |= value
        else this.#transmit(value)
        break
      case reg.ier:
        if (this.#latchesDivisor) this.#divisor |= value << 8
        else {
          this.#ier = value
          if ((value & ier.thri) !== 0 && this.#isEmpty) this.#raise()
        }
        break
      case reg.fcr:
        this.#controlFifo(value)
        break
      case reg.lcr:
        this.#lcr = value
        if (this.#latchesDivisor) this.#divisor = 0
        break
      case reg.mcr:
        this.#mcr = value
        if ((this.#ier & ier.msi) === 0) break
        if ((value & mcr.out2) !== 0) this.#raise()
        if ((value & (mcr.rts | mcr.dtr)) !== 0) this.#raise()
        break
      case reg.scr:
        this.#scr = value
        break
    }
  }

  get #latchesDivisor(): boolean {
    return (this.#lcr & lcr.dlab) !== 0
  }

  get #isEmpty(): boolean {
    return this.#head === this.#tail
  }

  #transmit(value: number): void {
    if (this.#count >= this.#fifoSize) {
      this.#overrun = true
      if ((this.#ier & ier.rlsi) !== 0) this.#raise()
      return
    }
    this.#fifo[this.#head] = value
    this.#head = (this.#head + 1) % depth
    this.#count++
    this.#overrun = false
    if ((this.#ier & ier.rdi) !== 0 && this.#count === this.#triggerLevel) this.#raise()
  }

  /** Takes a byte from the FIFO: zero if it is empty, undefined in the driver (kernel stack). */
  #receive(): number {
    let value = 0
    if (!this.#isEmpty) {
      value = this.#fifo[this.#tail] ?? 0
      this.#tail = (this.#tail + 1) % depth
      this.#count--
    }
    if (this.#isEmpty && (this.#ier & ier.thri) !== 0) this.#raise()
    return value
  }

  /** The trigger level in the write is not used: any write makes it 1. */
  #controlFifo(value: number): void {
    if ((value & (fcr.clearReceiver | fcr.clearTransmitter)) !== 0) {
      this.#head = 0
      this.#tail = 0
      this.#count = 0
    }
    this.#triggerLevel = 1
    this.#fifoSize = (value & fcr.enable) !== 0 ? depth : 1
  }

  #interruptIdentity(): number {
    let pending = 0
    if ((this.#ier & ier.rlsi) !== 0 && this.#overrun) pending |= iir.rlsi
    if ((this.#ier & ier.rdi) !== 0 && this.#count >= this.#triggerLevel) pending |= iir.rdi
    if ((this.#ier & ier.thri) !== 0 && this.#isEmpty) pending |= iir.thri
    return iir.fifos | (pending === 0 ? iir.noInterrupt : pending)
  }
}
