import { type CommandBit, commandBit } from '../uapi/pci-command.ts'
import { configHeader } from '../uapi/pci-regs.ts'
import { type ConfigSpace, decodeConfigSpace } from './config-space.ts'
import type { Region } from './region.ts'

/** What every PCI device has: its configuration space, and the switches of its command register. */
export class PciFunction {
  readonly #config: Region

  constructor(config: Region) {
    this.#config = config
  }

  /** Reads and decodes the whole configuration space. Throws KERNEL_ANSWER where its lists make no sense. */
  configSpace(): ConfigSpace {
    const bytes = new Uint8Array(this.#config.size)
    this.#config.readInto(0, bytes)
    return decodeConfigSpace(bytes)
  }

  /** Whether the device may reach memory by itself: DMA and MSI. vfio-pci opens a device with it off. */
  get busMaster(): boolean {
    return this.#has('busMaster')
  }
  set busMaster(on: boolean) {
    this.#set('busMaster', on)
  }

  /** Whether the device answers in its memory BARs. Off, they read as DEVICE_MEMORY_GONE. */
  get memoryDecode(): boolean {
    return this.#has('memory')
  }
  set memoryDecode(on: boolean) {
    this.#set('memory', on)
  }

  /** Whether the device answers in its I/O port BARs. */
  get ioDecode(): boolean {
    return this.#has('io')
  }
  set ioDecode(on: boolean) {
    this.#set('io', on)
  }

  #has(bit: CommandBit): boolean {
    return (this.#config.read16(configHeader.command.offset) & commandBit[bit]) !== 0
  }

  #set(bit: CommandBit, on: boolean): void {
    const before = this.#config.read16(configHeader.command.offset)
    const after = on ? before | commandBit[bit] : before & ~commandBit[bit]
    if (after !== before) this.#config.write16(configHeader.command.offset, after)
  }
}
