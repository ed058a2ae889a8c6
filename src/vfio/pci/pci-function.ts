import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import { commandBit, configHeader } from '../../uapi/pci.ts'
import { type ConfigSpace, decodeConfigSpace } from '../config-space/config-space.ts'
import type { Region } from '../region/region.ts'

/** PCI Express has the largest there is. */
const largestSpace = 4096

/** The parts of every PCI device: its configuration space, and the switches of its command register. */
export class PciFunction {
  readonly #config: Region

  constructor(config: Region) {
    this.#config = config
  }

  /** Reads and decodes the whole configuration space. Throws MALFORMED_REPLY if it makes no sense. */
  configSpace(): ConfigSpace {
    const { size } = this.#config
    if (size > largestSpace) {
      throw new VfioError('MALFORMED_REPLY', `a PCI configuration space of ${hex(size)} bytes is not believable`, {
        facts: { size, limit: largestSpace },
      })
    }
    const bytes = new Uint8Array(size)
    this.#config.readInto(0, bytes)
    return decodeConfigSpace(bytes)
  }

  /** True if the device may reach memory by itself: DMA and MSI. vfio-pci opens a device with it off. */
  get busMaster(): boolean {
    return this.#has(commandBit.PCI_COMMAND_MASTER)
  }
  set busMaster(on: boolean) {
    this.#set(commandBit.PCI_COMMAND_MASTER, on)
  }

  /** True if the device answers in its memory BARs. Off, they read as DEVICE_MEMORY_GONE. */
  get memoryDecode(): boolean {
    return this.#has(commandBit.PCI_COMMAND_MEMORY)
  }
  set memoryDecode(on: boolean) {
    this.#set(commandBit.PCI_COMMAND_MEMORY, on)
  }

  /** True if the device answers in its I/O port BARs. */
  get ioDecode(): boolean {
    return this.#has(commandBit.PCI_COMMAND_IO)
  }
  set ioDecode(on: boolean) {
    this.#set(commandBit.PCI_COMMAND_IO, on)
  }

  #has(bit: number): boolean {
    return (this.#config.read16(configHeader.command.offset) & bit) !== 0
  }

  #set(bit: number, on: boolean): void {
    checked('the command register', v.boolean(), on, 'what it is set to')
    const before = this.#config.read16(configHeader.command.offset)
    const after = on ? before | bit : before & ~bit
    if (after !== before) this.#config.write16(configHeader.command.offset, after)
  }
}
