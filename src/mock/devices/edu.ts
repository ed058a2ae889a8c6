import { deviceOrder } from '../../base/byte-order.ts'
import { savedField, savedNumber } from '../base/saved.ts'
import type { PciBus, PciFunctionModel } from '../sdk/pci-function.ts'
import { EduDma } from './edu-dma.ts'
import { PendingWork } from './pending-work.ts'

const register = {
  identification: 0x00,
  liveness: 0x04,
  factorial: 0x08,
  status: 0x20,
  interruptStatus: 0x24,
  interruptRaise: 0x60,
  interruptAcknowledge: 0x64,
} as const
const identification = 0x0100_00ed
const computing = 0x01
const raiseWhenComputed = 0x80
const computedInterrupt = 0x001
const dmaInterrupt = 0x100
/** From here on the registers are those of DMA, which take 8 bytes too. */
const dmaRegisters = 0x80

/**
 * QEMU's device for teaching (docs/specs/edu.rst): a factorial, an interrupt that software can raise, and DMA to and
 * from a buffer of 4 KiB. It keeps its registers through a reset.
 */
export class Edu implements PciFunctionModel {
  readonly #bus: PciBus
  readonly #dma: EduDma
  readonly #computation: PendingWork
  #liveness: number
  #factorial: number
  #status: number
  #interrupts: number
  #isAsserted: boolean

  constructor(bus: PciBus, saved: unknown) {
    const number = (name: string) => savedNumber(saved, name, 0, 0xffff_ffff)
    this.#bus = bus
    this.#computation = new PendingWork(bus.clock)
    this.#dma = new EduDma(bus, savedField(saved, 'dma'), () => this.#raise(dmaInterrupt))
    this.#liveness = number('liveness')
    this.#factorial = number('factorial')
    this.#status = number('status') & raiseWhenComputed
    this.#interrupts = number('interrupts')
    this.#isAsserted = savedField(saved, 'isAsserted') === true
    bus.setIntx(this.#isAsserted)
  }

  /**
   * An access of a width that a register does not take reads as ones; those of 1 and 2 bytes do not get through at all.
   */
  load(_bar: number, offset: number, into: Uint8Array): void {
    this.#computation.passTime()
    this.#dma.passTime()
    into.fill(into.length < 4 ? 0 : 0xff)
    if (offset >= dmaRegisters && into.length >= 4) this.#dma.load(offset, into)
    const value = this.#read(offset)
    if (offset < dmaRegisters && into.length === 4 && value !== null) view(into).setUint32(0, value, deviceOrder)
  }

  store(_bar: number, offset: number, from: Uint8Array): void {
    if (offset >= dmaRegisters && from.length >= 4) this.#dma.store(offset, from)
    if (offset < dmaRegisters && from.length === 4) this.#write(offset, view(from).getUint32(0, deviceOrder))
  }

  reset(): void {
    this.#isAsserted = false
  }

  close(): void {
    this.#computation.finish()
    this.#dma.close()
  }

  save(): unknown {
    return {
      liveness: this.#liveness,
      factorial: this.#factorial,
      status: this.#status,
      interrupts: this.#interrupts,
      isAsserted: this.#isAsserted,
      dma: this.#dma.save(),
    }
  }

  #read(offset: number): number | null {
    switch (offset) {
      case register.identification:
        return identification
      case register.liveness:
        return this.#liveness
      case register.factorial:
        return this.#factorial
      case register.status:
        return this.#status
      case register.interruptStatus:
        return this.#interrupts
      default:
        return null
    }
  }

  #write(offset: number, value: number): void {
    switch (offset) {
      case register.liveness:
        this.#liveness = ~value >>> 0
        break
      case register.factorial:
        this.#compute(value)
        break
      case register.status:
        this.#status = (this.#status & ~raiseWhenComputed) | (value & raiseWhenComputed)
        break
      case register.interruptRaise:
        this.#raise(value)
        break
      case register.interruptAcknowledge:
        this.#acknowledge(value)
    }
  }

  #compute(value: number): void {
    if ((this.#status & computing) !== 0) return
    this.#status |= computing
    this.#factorial = value
    this.#computation.start(() => {
      this.#factorial = factorial(value)
      this.#status &= ~computing
      if ((this.#status & raiseWhenComputed) !== 0) this.#raise(computedInterrupt)
    })
  }

  #raise(value: number): void {
    this.#interrupts = (this.#interrupts | value) >>> 0
    if (this.#interrupts === 0) return
    if (!this.#bus.hasMessages) this.#assert(true)
    else {
      this.#isAsserted = false
      this.#bus.sendMessage(0)
    }
  }

  #acknowledge(value: number): void {
    this.#interrupts = (this.#interrupts & ~value) >>> 0
    if (this.#interrupts === 0 && !this.#bus.hasMessages) this.#assert(false)
  }

  #assert(isAsserted: boolean): void {
    this.#isAsserted = isAsserted
    this.#bus.setIntx(isAsserted)
  }
}

/** The factorial modulo 2^32, which is 0 from 34 on. */
function factorial(value: number): number {
  let product = 1
  for (let factor = Math.min(value, 34); factor > 1; factor--) product = Math.imul(product, factor) >>> 0
  return product
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
