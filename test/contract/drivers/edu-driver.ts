import { setTimeout } from 'node:timers/promises'
import type { Device } from '../../../src/vfio/device.ts'
import type { EnabledIrq } from '../../../src/vfio/irq/irq-enabled.ts'
import { type RegisterBlock, registerBlock } from '../../../src/vfio/registers/register-block.ts'
import type { Registers } from '../../../src/vfio/registers/registers.ts'

/** docs/specs/edu.rst of QEMU */
export const Edu = registerBlock({
  identification: { offset: 0x00, width: 32, access: 'r', fields: { id: [7, 0], minor: [23, 16], major: [31, 24] } },
  liveness: { offset: 0x04, width: 32 },
  factorial: { offset: 0x08, width: 32 },
  status: { offset: 0x20, width: 32, fields: { computing: 0, interruptWhenDone: 7 } },
  interruptStatus: { offset: 0x24, width: 32, access: 'r' },
  interruptRaise: { offset: 0x60, width: 32, access: 'w' },
  interruptAcknowledge: { offset: 0x64, width: 32, access: 'w' },
  dmaSource: { offset: 0x80, width: 64, access: 'w' },
  dmaDestination: { offset: 0x88, width: 64, access: 'w' },
  dmaCount: { offset: 0x90, width: 64, access: 'w' },
  dmaCommand: { offset: 0x98, width: 64, fields: { run: 0, toMemory: 1, interruptWhenDone: 2 } },
})

type EduRegisters = typeof Edu extends RegisterBlock<infer Specs> ? Registers<Specs> : never

/** The device's own memory, as its DMA engine addresses it. */
export const onboard = 0x4_0000n
const timeoutMs = 20_000

/** At once. A whole page of the device's memory aborts QEMU before 8. */
export const maxBytes = 4095

/** A driver for edu, which copies memory by way of its own; address bits: 28. */
export class EduDriver {
  readonly device: Device
  readonly irq: EnabledIrq
  readonly #registers: EduRegisters

  constructor(device: Device) {
    this.device = device
    this.#registers = device.regions.bar0.as(Edu)
    this.#registers.interruptAcknowledge.write(0xffff_ffff)
    device.pci.busMaster = true
    this.irq = device.irqs.msi.enable([0])
  }

  /** The device answers. */
  get alive(): boolean {
    this.#registers.liveness.write(0x1234_5678)
    return this.#registers.liveness.read() === 0xedcb_a987
  }

  /** Copies memory; without an interrupt for either half. */
  async copy(from: bigint, to: bigint, count: number = maxBytes): Promise<void> {
    await this.fetch(from, count)
    await this.store(to, count)
  }

  /** Into the device. */
  async fetch(from: bigint, count: number): Promise<void> {
    await this.#transfer({ from, to: onboard, count, toMemory: false })
  }

  /** From the device. */
  async store(to: bigint, count: number): Promise<void> {
    await this.#transfer({ from: onboard, to, count, toMemory: true })
  }

  /** An interrupt, taken and acknowledged. Throws where more came than one. */
  async interrupt(): Promise<void> {
    this.#registers.interruptRaise.write(1)
    const { count } = await this.irq.next({ timeoutMs })
    this.#registers.interruptAcknowledge.write(1)
    if (count !== 1) throw new Error(`${count} interrupts came, where one was asked for`)
  }

  close(): void {
    this.irq.close()
    this.device.pci.busMaster = false
  }

  async #transfer(what: { from: bigint; to: bigint; count: number; toMemory: boolean }): Promise<void> {
    const { dmaSource, dmaDestination, dmaCount, dmaCommand } = this.#registers
    dmaSource.write(what.from)
    dmaDestination.write(what.to)
    dmaCount.write(BigInt(what.count))
    dmaCommand.write({ run: true, toMemory: what.toMemory })
    while (dmaCommand.fields().run) await setTimeout(1)
  }
}
