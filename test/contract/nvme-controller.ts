import type { Device } from '../../src/vfio/device.ts'
import type { DmaBuffer } from '../../src/vfio/dma-buffer.ts'
import { registerBlock } from '../../src/vfio/register-block.ts'

/** The controller's registers (NVM Express base specification, 3.1), as far as an admin queue needs them. */
const Controller = registerBlock({
  capabilities: {
    offset: 0x00,
    width: 64,
    access: 'r',
    fields: { maxQueueEntries: [15, 0], doorbellStride: [35, 32] },
  },
  configuration: {
    offset: 0x14,
    width: 32,
    fields: { enable: 0, submissionEntrySize: [19, 16], completionEntrySize: [23, 20] },
  },
  status: { offset: 0x1c, width: 32, access: 'r', fields: { ready: 0, fatal: 1 } },
  adminQueueSizes: { offset: 0x24, width: 32, fields: { submission: [11, 0], completion: [27, 16] } },
  adminSubmissionQueue: { offset: 0x28, width: 64, order: 'low-high' },
  adminCompletionQueue: { offset: 0x30, width: 64, order: 'low-high' },
  submissionDoorbell: { offset: 0x1000, width: 32, access: 'w' },
})

const entries = 16
const page = 4096

export interface Completion {
  readonly commandId: number
  readonly status: number
}

/** An NVMe controller with its admin queue in DMA memory: brought up, and able to take one command at a time. */
export class NvmeController {
  readonly #device: Device
  readonly #registers: ReturnType<typeof registersOf>
  readonly #submissions: DmaBuffer
  readonly #completions: DmaBuffer
  #tail = 0
  #head = 0
  #phase = 1

  private constructor(device: Device, submissions: DmaBuffer, completions: DmaBuffer) {
    this.#device = device
    this.#registers = registersOf(device)
    this.#submissions = submissions
    this.#completions = completions
  }

  static async start(device: Device): Promise<NvmeController> {
    device.pci.memoryDecode = true
    device.pci.busMaster = true
    const controller = new NvmeController(device, await device.dma.allocate(page), await device.dma.allocate(page))
    await controller.#enable()
    return controller
  }

  /** Puts an Identify command of the controller itself into the queue and rings the doorbell. */
  identify(into: DmaBuffer): void {
    const entry = new DataView(this.#submissions.memory.view().buffer, this.#submissions.offset + this.#tail * 64, 64)
    for (let offset = 0; offset < 64; offset += 4) entry.setUint32(offset, 0)
    entry.setUint32(0, 0x06 | (this.#tail << 16), true)
    entry.setBigUint64(24, into.iova, true)
    entry.setUint32(40, 1, true)
    this.#tail = (this.#tail + 1) % entries
    this.#registers.submissionDoorbell.write(this.#tail)
  }

  /** The next completion that the controller has written, or null. */
  takeCompletion(): Completion | null {
    const entry = new DataView(this.#completions.memory.view().buffer, this.#completions.offset + this.#head * 16, 16)
    const word = entry.getUint32(12, true)
    if (((word >>> 16) & 1) !== this.#phase) return null
    this.#head = (this.#head + 1) % entries
    if (this.#head === 0) this.#phase ^= 1
    const stride = 4 << Number(this.#registers.capabilities.fields().doorbellStride)
    this.#device.regions.bar0.write32(0x1000 + stride, this.#head)
    return { commandId: word & 0xffff, status: word >>> 17 }
  }

  async #enable(): Promise<void> {
    const { configuration, adminQueueSizes, adminSubmissionQueue, adminCompletionQueue } = this.#registers
    configuration.write({ enable: false })
    await this.#untilReady(false)
    adminQueueSizes.write({ submission: entries - 1, completion: entries - 1 })
    adminSubmissionQueue.write(this.#submissions.iova)
    adminCompletionQueue.write(this.#completions.iova)
    configuration.write({ enable: true, submissionEntrySize: 6, completionEntrySize: 4 })
    await this.#untilReady(true)
  }

  async #untilReady(ready: boolean): Promise<void> {
    for (;;) {
      const status = this.#registers.status.fields()
      if (status.fatal) throw new Error('the NVMe controller says that it failed')
      if (status.ready === ready) return
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}

function registersOf(device: Device) {
  return device.regions.bar0.as(Controller)
}
