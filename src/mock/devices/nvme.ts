import { deviceOrder } from '../../base/byte-order.ts'
import type { ScenarioPciDevice } from '../scenario/scenario.ts'
import type { PciBus, PciFunctionModel } from '../sdk/pci-function.ts'
import { NvmeCommands } from './nvme-commands.ts'
import { PendingWork } from './pending-work.ts'

/** Registers (NVM Express base specification, 3.1). */
const register = {
  capabilities: 0x00,
  version: 0x08,
  maskSet: 0x0c,
  maskClear: 0x10,
  configuration: 0x14,
  status: 0x1c,
  adminQueueSizes: 0x24,
  adminSubmissionQueue: 0x28,
  adminCompletionQueue: 0x30,
  end: 0x38,
} as const
const doorbells = 0x1000
/** Of 2048 entries at most, which lie in one piece, and with doorbells of 4 bytes each; pages of 4 KiB to 64 KiB. */
const capabilities = 0x0040_1820_0f01_07ffn
const version = 0x0001_0400

const enable = 1 << 0
const shutdown = 3 << 14
const ready = 1 << 0
const fatal = 1 << 1
const shutdownComplete = 2 << 2
const submissionEntryExponent = 6
const completionEntryExponent = 4

/**
 * QEMU's NVMe controller (hw/nvme), as far as one without a namespace goes: an admin queue, which answers Identify and
 * makes and deletes I/O queues, and interrupts. Its other commands are Invalid Command Opcode here.
 */
export class Nvme implements PciFunctionModel {
  readonly #bus: PciBus
  readonly #commands: NvmeCommands
  readonly #work: PendingWork
  readonly #registers = new DataView(new ArrayBuffer(register.end))

  constructor(device: ScenarioPciDevice, bus: PciBus) {
    this.#bus = bus
    this.#work = new PendingWork(bus.clock)
    this.#commands = new NvmeCommands(device, bus)
    this.#registers.setBigUint64(register.capabilities, capabilities, deviceOrder)
    this.#registers.setUint32(register.version, version, deviceOrder)
  }

  load(_bar: number, offset: number, into: Uint8Array): void {
    this.#work.passTime()
    into.fill(0)
    if (offset + into.length > register.end) return
    into.set(new Uint8Array(this.#registers.buffer, offset, into.length))
  }

  /** Of 8 bytes, those of two registers; fewer than 4 are taken for 4. */
  store(_bar: number, offset: number, from: Uint8Array): void {
    if (offset % 4 !== 0) return
    for (let at = 0; at < from.length; at += 4) {
      const word = new Uint8Array(4)
      word.set(from.subarray(at, at + 4))
      const value = new DataView(word.buffer).getUint32(0, deviceOrder)
      if (offset + at >= doorbells) this.#ring((offset + at - doorbells) / 4, value)
      else this.#write(offset + at, value)
    }
  }

  reset(): void {
    this.#work.drop()
    this.#commands.reset()
    for (const offset of [register.configuration, register.status]) this.#set(offset, 0)
    this.#setMask(0)
  }

  close(): void {
    this.reset()
  }

  /** It is reset whenever it is opened. */
  save(): unknown {
    return null
  }

  #write(offset: number, value: number): void {
    switch (offset) {
      case register.maskSet:
        if (!this.#bus.hasMessages) this.#setMask(this.#get(register.maskSet) | value)
        break
      case register.maskClear:
        if (!this.#bus.hasMessages) this.#setMask(this.#get(register.maskSet) & ~value)
        break
      case register.configuration:
        this.#configure(value)
        break
      case register.adminQueueSizes:
      case register.adminSubmissionQueue:
      case register.adminSubmissionQueue + 4:
      case register.adminCompletionQueue:
      case register.adminCompletionQueue + 4:
        this.#set(offset, value)
    }
  }

  #configure(value: number): void {
    const isEnabled = (this.#get(register.configuration) & enable) !== 0
    const isShutDown = (this.#get(register.configuration) & shutdown) !== 0
    const isDisabled = isEnabled && (value & enable) === 0
    if (isDisabled) this.reset()
    this.#set(register.configuration, isDisabled ? 0 : value)
    if (!isEnabled && (value & enable) !== 0) this.#set(register.status, this.#start(value) ? ready : fatal)
    if (!isShutDown && (value & shutdown) !== 0) {
      this.#work.drop()
      this.#commands.reset()
      this.#set(register.status, this.#get(register.status) | shutdownComplete)
    }
  }

  /** False if the driver has not set up an admin queue as it must be. */
  #start(configuration: number): boolean {
    const sizes = this.#get(register.adminQueueSizes)
    const submission = this.#registers.getBigUint64(register.adminSubmissionQueue, deviceOrder)
    const completion = this.#registers.getBigUint64(register.adminCompletionQueue, deviceOrder)
    const page = 1n << BigInt(12 + ((configuration >> 7) & 0xf))
    const isValid =
      page <= 0x1_0000n &&
      submission % page === 0n &&
      completion % page === 0n &&
      ((configuration >> 16) & 0xf) === submissionEntryExponent &&
      ((configuration >> 20) & 0xf) === completionEntryExponent &&
      (sizes & 0xfff) !== 0 &&
      (sizes & 0x0fff_0000) !== 0
    if (isValid) {
      this.#commands.start(
        { address: submission, entries: (sizes & 0xfff) + 1 },
        { address: completion, entries: ((sizes >> 16) & 0xfff) + 1 },
        Number(page),
      )
    }
    return isValid
  }

  #ring(doorbell: number, value: number): void {
    const queue = Math.floor(doorbell / 2)
    const isRung =
      doorbell % 2 === 0 ? this.#commands.setTail(queue, value & 0xffff) : this.#commands.setHead(queue, value & 0xffff)
    if (isRung) this.#work.start(() => this.#process())
  }

  #process(): void {
    if (!this.#commands.process()) this.#set(register.status, this.#get(register.status) | fatal)
  }

  #setMask(mask: number): void {
    for (const offset of [register.maskSet, register.maskClear]) this.#set(offset, mask >>> 0)
    this.#commands.setMask(mask)
  }

  #get(offset: number): number {
    return this.#registers.getUint32(offset, deviceOrder)
  }

  #set(offset: number, value: number): void {
    this.#registers.setUint32(offset, value >>> 0, deviceOrder)
  }
}
