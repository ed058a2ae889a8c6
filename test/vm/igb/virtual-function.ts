import type { Device } from '../../../src/vfio/device.ts'
import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import type { EnabledIrq } from '../../../src/vfio/irq/irq-enabled.ts'
import { registerBlock } from '../../../src/vfio/registers/register-block.ts'

/** The registers of a virtual function of Intel's 82576 (datasheet, chapter 8.26), as far as the tests need them. */
const Registers = registerBlock({
  message: { offset: 0x0800, width: 32, count: 16 },
  mailbox: {
    offset: 0x0c40,
    width: 32,
    fields: { request: 0, acknowledge: 1, ownedByFunction: 2, ownedByParent: 3, fromParent: 4, heardByParent: 5 },
  },
  interruptMaskSet: { offset: 0x1524, width: 32 },
  interruptAutoClear: { offset: 0x152c, width: 32 },
  queueVectors: {
    offset: 0x1700,
    width: 32,
    fields: { receive: [1, 0], receiveValid: 7, transmit: [9, 8], transmitValid: 15 },
  },
  mailboxVector: { offset: 0x1740, width: 32, fields: { vector: [1, 0], valid: 7 } },
  transmitRingLow: { offset: 0x3800, width: 32 },
  transmitRingHigh: { offset: 0x3804, width: 32 },
  transmitRingBytes: { offset: 0x3808, width: 32 },
  transmitHead: { offset: 0x3810, width: 32 },
  transmitTail: { offset: 0x3818, width: 32 },
  transmitQueue: { offset: 0x3828, width: 32, fields: { enable: 25 } },
})

/** Words that Linux's igb and igbvf say to each other. */
const reset = 0x01
const agreed = 0x8000_0000
const without = 0x4000_0000

/** Advanced descriptors are 16 bytes: address; length, kind and commands; status and bytes of the payload. */
const descriptorSize = 16
const descriptors = 8
const dataDescriptor = (0x3 << 20) | (1 << 29)
const command = { endOfPacket: 1 << 24, addChecksum: 1 << 25, reportStatus: 1 << 27 } as const
const isDone = 1

const vectors = { mailbox: 1, transmit: 2 } as const
const everyVector = 0b111

/** A virtual function of igb with a ring of frames to send; its physical function stays with Linux's driver. */
export class IgbVirtualFunction {
  readonly #registers: ReturnType<typeof registersOf>
  readonly #irq: EnabledIrq
  readonly #ring: DmaBuffer
  readonly #frame: DmaBuffer

  private constructor(device: Device, irq: EnabledIrq, ring: DmaBuffer, frame: DmaBuffer) {
    this.#registers = registersOf(device)
    this.#irq = irq
    this.#ring = ring
    this.#frame = frame
  }

  static async start(device: Device, irq: EnabledIrq): Promise<IgbVirtualFunction> {
    device.pci.busMaster = true
    const [ring, frame] = [await device.dma.allocate(descriptors * descriptorSize), await device.dma.allocate(2048)]
    const { mailboxVector, queueVectors, interruptAutoClear, interruptMaskSet } = registersOf(device)
    mailboxVector.write({ vector: vectors.mailbox, valid: true })
    queueVectors.write({ transmit: vectors.transmit, transmitValid: true })
    interruptAutoClear.write(everyVector)
    interruptMaskSet.write(everyVector)
    return new IgbVirtualFunction(device, irq, ring, frame)
  }

  /**
   * Asks the physical function's driver for a reset. Its answer is the address that the administrator gave the function,
   * or null if it has to choose one.
   */
  async reset(timeoutMs: number): Promise<Uint8Array | null> {
    const { mailbox, message } = this.#registers
    mailbox.write({ ownedByFunction: true })
    if (!mailbox.fields().ownedByFunction) throw new Error('the physical function has the mailbox')
    message.at(0).write(reset)
    mailbox.write({ request: true })
    const answer = await this.#answer(timeoutMs)
    const address = new DataView(new ArrayBuffer(8))
    address.setUint32(0, message.at(1).read(), true)
    address.setUint32(4, message.at(2).read(), true)
    mailbox.write({ acknowledge: true })
    if (answer === (reset | agreed) >>> 0) return new Uint8Array(address.buffer, 0, 6)
    if (answer === (reset | without)) return null
    throw new Error(`the driver answered ${answer.toString(16)}`)
  }

  /** Sends one frame; true once the device has written into its descriptor that it is out. */
  async send(frame: Uint8Array, timeoutMs: number): Promise<boolean> {
    const { transmitTail } = this.#registers
    const index = transmitTail.read()
    this.#frame.view().set(frame)
    const descriptor = new DataView(this.#ring.memory.view().buffer, this.#ring.offset + index * descriptorSize, 16)
    descriptor.setBigUint64(0, this.#frame.iova, true)
    const { endOfPacket, addChecksum, reportStatus } = command
    descriptor.setUint32(8, frame.length | dataDescriptor | endOfPacket | addChecksum | reportStatus, true)
    descriptor.setUint32(12, frame.length << 14, true)
    transmitTail.write((index + 1) % descriptors)
    await this.#irq.next({ vector: vectors.transmit, timeoutMs })
    return (descriptor.getUint32(12, true) & isDone) !== 0
  }

  /** The driver of the physical function gives the function its queue as it resets it. */
  enableQueue(): void {
    const { transmitQueue, ...ring } = this.#registers
    ring.transmitRingLow.write(Number(this.#ring.iova & 0xffff_ffffn))
    ring.transmitRingHigh.write(Number(this.#ring.iova >> 32n))
    ring.transmitRingBytes.write(descriptors * descriptorSize)
    ring.transmitHead.write(0)
    ring.transmitTail.write(0)
    transmitQueue.write({ enable: true })
  }

  /** The driver says first that it has heard, then what it answers, each with an interrupt. */
  async #answer(timeoutMs: number): Promise<number> {
    const { mailbox, message } = this.#registers
    // Its bits are cleared as they are read: what one reading finds counts for all.
    for (;;) {
      // Of any vector: QEMU takes the number of the mailbox's for the bits of a mask.
      await this.#irq.next({ timeoutMs })
      if (mailbox.fields().fromParent) return message.at(0).read()
    }
  }
}

function registersOf(device: Device) {
  return device.regions.bar0.as(Registers)
}
