import { setTimeout } from 'node:timers/promises'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { onboard } from '../drivers/edu-driver.ts'

const config = 7 * 2 ** 40
const command = { at: config + 4, memory: 0x2, busMaster: 0x4 }
/** Of its DMA engine, in BAR 0. */
const register = { source: 0x80, destination: 0x88, count: 0x90, command: 0x98 }
const run = 0x1
const toMemory = 0x2

/** An edu's DMA engine by the bare descriptor of the device. */
export class RawEdu {
  readonly #kernel: Kernel
  readonly #device: number

  constructor(kernel: Kernel, device: number) {
    this.#kernel = kernel
    this.#device = device
    kernel.pwrite(device, Uint8Array.of(command.memory | command.busMaster, 0), command.at)
  }

  get isRunning(): boolean {
    const bytes = new Uint8Array(4)
    this.#kernel.pread(this.#device, bytes, register.command)
    return (new DataView(bytes.buffer).getUint32(0, true) & run) !== 0
  }

  /** Begins to copy from its own memory, which takes it a tenth of a second. */
  startStore(to: bigint, count: number): void {
    this.#write(register.source, Number(onboard))
    this.#write(register.destination, Number(to))
    this.#write(register.count, count)
    this.#write(register.command, run | toMemory)
  }

  async settled(): Promise<void> {
    while (this.isRunning) await setTimeout(1)
  }

  #write(at: number, value: number): void {
    this.#kernel.pwrite(this.#device, new Uint8Array(Uint32Array.of(value).buffer), at)
  }
}
