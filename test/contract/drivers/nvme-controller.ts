import type { Device } from '../../../src/vfio/device.ts'
import { registerBlock } from '../../../src/vfio/registers/register-block.ts'
import { entries, NvmeQueue } from './nvme-queue.ts'

/** The controller's registers (NVM Express base specification, 3.1), as far as queues need them. */
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
})

const page = 4096
type Queues = Pick<NvmeQueue, 'submissions' | 'completions'>

/** An NVMe controller with its admin queue in DMA memory. */
export class NvmeController {
  readonly admin: NvmeQueue
  readonly registers: ReturnType<typeof registersOf>
  readonly #device: Device

  private constructor(device: Device, admin: Queues) {
    this.#device = device
    this.registers = registersOf(device)
    this.admin = this.queue(0, admin)
  }

  /** Brings it up; after `prepare`, which may spoil what it needs, with whatever status comes of that. */
  static async start(device: Device, prepare?: (registers: NvmeController['registers']) => void) {
    device.pci.memoryDecode = true
    device.pci.busMaster = true
    const controller = new NvmeController(device, await queuesOf(device))
    await controller.#enable(prepare)
    return controller
  }

  /** Memory for another pair of queues; the controller learns of them by commands. */
  async newQueue(id: number): Promise<NvmeQueue> {
    return this.queue(id, await queuesOf(this.#device))
  }

  queue(id: number, memory: Queues): NvmeQueue {
    const stride = 4 << Number(this.registers.capabilities.fields().doorbellStride)
    return new NvmeQueue(id, memory, this.#device.regions.bar0, stride)
  }

  async #enable(prepare?: (registers: NvmeController['registers']) => void): Promise<void> {
    const { configuration, adminQueueSizes, adminSubmissionQueue, adminCompletionQueue } = this.registers
    configuration.write({ enable: false })
    await this.#until(({ ready }) => !ready)
    adminQueueSizes.write({ submission: entries - 1, completion: entries - 1 })
    adminSubmissionQueue.write(this.admin.submissions.iova)
    adminCompletionQueue.write(this.admin.completions.iova)
    prepare?.(this.registers)
    configuration.write({ enable: true, submissionEntrySize: 6, completionEntrySize: 4 })
    await this.#until(({ ready, fatal }) => ready || fatal)
  }

  async #until(isSo: (status: { ready: boolean; fatal: boolean }) => boolean): Promise<void> {
    while (!isSo(this.registers.status.fields())) await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

async function queuesOf(device: Device): Promise<Queues> {
  return { submissions: await device.dma.allocate(page), completions: await device.dma.allocate(page) }
}

function registersOf(device: Device) {
  return device.regions.bar0.as(Controller)
}
