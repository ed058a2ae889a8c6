import type { Device } from '../../../src/vfio/device.ts'
import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import { registerBlock } from '../../../src/vfio/registers/register-block.ts'

/** The registers of Intel's 82574 (datasheet, chapter 10), as far as one queue each way needs them. */
const Adapter = registerBlock({
  control: { offset: 0x0000, width: 32, fields: { linkUp: 6, reset: 26 } },
  status: { offset: 0x0008, width: 32, access: 'r', fields: { linkUp: 1 } },
  interruptVectors: {
    offset: 0x00e4,
    width: 32,
    fields: {
      receive: [2, 0],
      receiveValid: 3,
      transmit: [10, 8],
      transmitValid: 11,
      other: [18, 16],
      otherValid: 19,
    },
  },
  interruptCause: { offset: 0x00c0, width: 32, access: 'w', fields: { receiveQueue: 20, transmitQueue: 22 } },
  interruptMaskSet: { offset: 0x00d0, width: 32, fields: { receiveQueue: 20, transmitQueue: 22 } },
  interruptMaskClear: { offset: 0x00d8, width: 32, access: 'w' },
  receiveControl: { offset: 0x0100, width: 32, fields: { enable: 1, loopback: [7, 6], stripChecksum: 26 } },
  transmitControl: { offset: 0x0400, width: 32, fields: { enable: 1, padShort: 3 } },
  receiveRingLow: { offset: 0x2800, width: 32 },
  receiveRingHigh: { offset: 0x2804, width: 32 },
  receiveRingBytes: { offset: 0x2808, width: 32 },
  receiveHead: { offset: 0x2810, width: 32 },
  receiveTail: { offset: 0x2818, width: 32 },
  transmitRingLow: { offset: 0x3800, width: 32 },
  transmitRingHigh: { offset: 0x3804, width: 32 },
  transmitRingBytes: { offset: 0x3808, width: 32 },
  transmitHead: { offset: 0x3810, width: 32 },
  transmitTail: { offset: 0x3818, width: 32 },
  addressLow: { offset: 0x5400, width: 32, access: 'r' },
  addressHigh: { offset: 0x5404, width: 32, access: 'r' },
})

const page = 4096
/** Legacy descriptors are 16 bytes: address, length, then for sending a command and for both a status. */
const descriptorSize = 16
const descriptors = 8
const frameRoom = 2048
/** The frame looped back at the MAC, before it would leave. */
const macLoopback = 1
const sendCommand = { endOfPacket: 0x01, reportStatus: 0x08 } as const
const statusDone = 0x01

export const vectors = { receive: 0, transmit: 1, other: 2 } as const

/** An e1000e with a ring each way in DMA memory, whose frames come back to itself. */
export class E1000eAdapter {
  /** Its own Ethernet address. */
  readonly address: Uint8Array
  readonly #registers: ReturnType<typeof registersOf>
  readonly #received: DmaBuffer
  readonly #sent: DmaBuffer
  readonly #frames: DmaBuffer
  #tail = 0
  #head = 0

  private constructor(device: Device, received: DmaBuffer, sent: DmaBuffer, frames: DmaBuffer) {
    this.#registers = registersOf(device)
    this.#received = received
    this.#sent = sent
    this.#frames = frames
    const bytes = new DataView(new ArrayBuffer(8))
    bytes.setUint32(0, this.#registers.addressLow.read(), true)
    bytes.setUint32(4, this.#registers.addressHigh.read(), true)
    this.address = new Uint8Array(bytes.buffer, 0, 6)
  }

  static async start(device: Device): Promise<E1000eAdapter> {
    device.pci.memoryDecode = true
    device.pci.busMaster = true
    const registers = registersOf(device)
    registers.interruptMaskClear.write(0xffff_ffff)
    registers.control.write({ reset: true })
    registers.control.write({ linkUp: true })
    const [received, sent] = [await device.dma.allocate(page), await device.dma.allocate(page)]
    const adapter = new E1000eAdapter(device, received, sent, await device.dma.allocate(2 * descriptors * frameRoom))
    adapter.#enable()
    return adapter
  }

  /** Puts a frame, from its destination to the end of its payload, into the ring and lets the adapter take it. */
  send(frame: Uint8Array): void {
    const at = (descriptors + this.#tail) * frameRoom
    this.#frames.view().set(frame, at)
    const descriptor = descriptorAt(this.#sent, this.#tail)
    descriptor.setBigUint64(0, this.#frames.iovaOf(at), true)
    descriptor.setUint32(8, frame.length | ((sendCommand.endOfPacket | sendCommand.reportStatus) << 24), true)
    descriptor.setUint32(12, 0, true)
    this.#tail = (this.#tail + 1) % descriptors
    this.#registers.transmitTail.write(this.#tail)
  }

  /** True if the adapter says that the frame sent `before` frames before the next is out. */
  isSent(before: number): boolean {
    const index = (this.#tail - before + descriptors) % descriptors
    return (descriptorAt(this.#sent, index).getUint8(12) & statusDone) !== 0
  }

  /** Acknowledges its interrupts for both queues: it interrupts again. */
  acknowledge(): void {
    this.#registers.interruptCause.write({ receiveQueue: true, transmitQueue: true })
  }

  /** The next frame that the adapter has received, or null. */
  takeFrame(): Uint8Array | null {
    const descriptor = descriptorAt(this.#received, this.#head)
    if ((descriptor.getUint8(12) & statusDone) === 0) return null
    const at = this.#head * frameRoom
    const frame = this.#frames.view().slice(at, at + descriptor.getUint16(8, true))
    descriptor.setUint32(12, 0, true)
    this.#registers.receiveTail.write(this.#head)
    this.#head = (this.#head + 1) % descriptors
    return frame
  }

  #enable(): void {
    const { interruptVectors, interruptMaskSet, receiveControl, transmitControl, ...rings } = this.#registers
    for (let index = 0; index < descriptors; index++) {
      descriptorAt(this.#received, index).setBigUint64(0, this.#frames.iovaOf(index * frameRoom), true)
    }
    rings.receiveRingLow.write(Number(this.#received.iova & 0xffff_ffffn))
    rings.receiveRingHigh.write(Number(this.#received.iova >> 32n))
    rings.receiveRingBytes.write(descriptors * descriptorSize)
    rings.receiveHead.write(0)
    rings.transmitRingLow.write(Number(this.#sent.iova & 0xffff_ffffn))
    rings.transmitRingHigh.write(Number(this.#sent.iova >> 32n))
    rings.transmitRingBytes.write(descriptors * descriptorSize)
    rings.transmitHead.write(0)
    rings.transmitTail.write(0)
    interruptVectors.write({
      ...{ receive: vectors.receive, receiveValid: true },
      ...{ transmit: vectors.transmit, transmitValid: true },
      ...{ other: vectors.other, otherValid: true },
    })
    interruptMaskSet.write({ receiveQueue: true, transmitQueue: true })
    receiveControl.write({ enable: true, loopback: macLoopback, stripChecksum: true })
    transmitControl.write({ enable: true, padShort: true })
    // all descriptors but one: head and tail alike would mean none
    rings.receiveTail.write(descriptors - 1)
  }
}

function descriptorAt(ring: DmaBuffer, index: number): DataView {
  return new DataView(ring.memory.view().buffer, ring.offset + index * descriptorSize, descriptorSize)
}

function registersOf(device: Device) {
  return device.regions.bar0.as(Adapter)
}
