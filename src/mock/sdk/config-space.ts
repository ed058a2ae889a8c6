import { deviceOrder } from '../../base/byte-order.ts'
import { capabilityBit, capabilityIds, capabilityRegister, commandBit, configHeader } from '../../uapi/pci.ts'
import { Errno } from '../base/errno.ts'
import { restoreBytes, saveBytes } from '../base/saved.ts'
import { singleAccesses } from '../memory/single-accesses.ts'
import type { ScenarioPciDevice, ScenarioPciFunction } from '../scenario/scenario.ts'

const intxDisable = 0x400
const statusInterrupt = 0x08
/** SERR#, INTx disable, bus master, memory and I/O. */
const commandMask = 0x507
const firstBar = configHeader.bar0.offset
const afterBars = configHeader.bar5.offset + 4
const io = 0x1

type Ids = Pick<ScenarioPciDevice, 'vendor' | 'device' | 'subsystemVendor' | 'subsystemDevice' | 'class' | 'revision'>
type Contents = Pick<ScenarioPciFunction, 'configSize' | 'config' | 'bars' | 'rom'>

/**
 * Configuration space as vfio-pci shows it: the device's own at power-on with bus mastering off, of which the command,
 * the BARs, the interrupt line and the power state can be written.
 */
export class ConfigSpace {
  readonly size: number
  readonly #view: DataView
  readonly #bytes: Uint8Array
  /** Of each BAR and the ROM, by its register: the address bits that stay as they are written. */
  readonly #barMasks = new Map<number, number>()

  constructor(device: Ids, what: Contents) {
    this.size = what.configSize
    this.#bytes = new Uint8Array(what.configSize)
    this.#view = new DataView(this.#bytes.buffer)
    for (const [offset, text] of Object.entries(what.config)) {
      const bytes = Buffer.from(text, 'hex').subarray(0, Math.max(0, this.size - Number(offset)))
      this.#bytes.set(bytes, Number(offset))
    }
    this.#view.setUint16(configHeader.vendorId.offset, Number(device.vendor), deviceOrder)
    this.#view.setUint16(configHeader.deviceId.offset, Number(device.device), deviceOrder)
    this.#bytes[configHeader.revisionId.offset] = Number(device.revision)
    this.#view.setUint8(configHeader.programmingInterface.offset, Number(device.class) & 0xff)
    this.#view.setUint16(configHeader.classCode.offset, Number(device.class) >>> 8, deviceOrder)
    this.#view.setUint16(configHeader.subsystemVendorId.offset, Number(device.subsystemVendor), deviceOrder)
    this.#view.setUint16(configHeader.subsystemId.offset, Number(device.subsystemDevice), deviceOrder)
    this.#command &= ~commandBit.PCI_COMMAND_MASTER
    this.#setBarMasks(what)
  }

  /** An I/O BAR, by its index. */
  isIo(bar: number): boolean {
    return (this.#view.getUint32(firstBar + 4 * bar, deviceOrder) & io) !== 0
  }

  /** Lower 32 bits of a BAR's address. */
  barAddress(bar: number): number {
    return this.#view.getUint32(firstBar + 4 * bar, deviceOrder) & ~0xf
  }

  get isMemoryOn(): boolean {
    const power = this.find('power-management')
    const state = power === null ? 0 : this.#view.getUint16(power + capabilityRegister.PCI_PM_CTRL, deviceOrder)
    const isAwake = (state & capabilityBit.PCI_PM_CTRL_STATE_MASK) === 0
    return isAwake && (this.#command & commandBit.PCI_COMMAND_MEMORY) !== 0
  }

  get isBusMaster(): boolean {
    return (this.#command & commandBit.PCI_COMMAND_MASTER) !== 0
  }

  get isIntxOff(): boolean {
    return (this.#command & intxDisable) !== 0
  }

  /** Sets the status register's bit for INTx, whether the command register keeps INTx off or not. */
  set isIntxAsserted(isAsserted: boolean) {
    const { offset } = configHeader.status
    const status = this.#view.getUint16(offset, deviceOrder) & ~statusInterrupt
    this.#view.setUint16(offset, isAsserted ? status | statusInterrupt : status, deviceOrder)
  }

  get hasIntx(): boolean {
    return this.#bytes[configHeader.interruptPin.offset] !== 0
  }

  /** Offset of a standard capability, or null. */
  find(name: keyof typeof capabilityIds): number | null {
    let at = this.#bytes[configHeader.capabilityPointer.offset] ?? 0
    for (let walked = 0; at !== 0 && walked < 48; walked++) {
      if (this.#bytes[at] === capabilityIds[name].id) return at
      at = this.#bytes[at + 1] ?? 0
    }
    return null
  }

  read16(offset: number): number {
    return this.#view.getUint16(offset, deviceOrder)
  }

  read32(offset: number): number {
    return this.#view.getUint32(offset, deviceOrder)
  }

  /** All of it. */
  get bytes(): Uint8Array {
    return this.#bytes.slice()
  }

  /** EFAULT if any of it is past the end. */
  read(into: Uint8Array, offset: number): number {
    this.#check(offset, into.length)
    into.set(this.#bytes.subarray(offset, offset + into.length))
    return into.length
  }

  write(from: Uint8Array, offset: number): number {
    this.#check(offset, from.length)
    for (const { at, width } of singleAccesses(offset, from.length)) {
      this.#store(offset + at, from.subarray(at, at + width))
    }
    return from.length
  }

  save(): string {
    return saveBytes(this.#bytes)
  }

  /** Restores what `save` returned; anything else changes nothing. */
  restore(saved: unknown): void {
    restoreBytes(this.#bytes, saved)
  }

  #check(offset: number, length: number): void {
    if (offset + length > this.size) throw new Errno('EFAULT')
  }

  #store(offset: number, from: Uint8Array): void {
    for (const [index, byte] of from.entries()) {
      const at = offset + index
      const mask = this.#maskOf(at)
      this.#bytes[at] = ((this.#bytes[at] ?? 0) & ~mask) | (byte & mask)
    }
  }

  #maskOf(at: number): number {
    if (at === configHeader.command.offset) return commandMask & 0xff
    if (at === configHeader.command.offset + 1) return commandMask >> 8
    if (at === configHeader.cacheLineSize.offset || at === configHeader.interruptLine.offset) return 0xff
    const bar = this.#barMasks.get(at - (at % 4))
    if (bar !== undefined) return (bar >>> (8 * (at % 4))) & 0xff
    const power = this.find('power-management')
    return power !== null && at === power + capabilityRegister.PCI_PM_CTRL ? capabilityBit.PCI_PM_CTRL_STATE_MASK : 0
  }

  #setBarMasks({ bars, rom }: Contents): void {
    for (let register = firstBar; register < afterBars; register += 4) {
      const size = bars[String((register - firstBar) / 4)]
      if (size === undefined) continue
      this.#barMasks.set(register, -size >>> 0)
      const is64Bit = (this.#view.getUint8(register) & 0x7) === 0x4
      if (is64Bit) this.#barMasks.set(register + 4, 0xffff_ffff)
    }
    // the lowest bit turns its decoding on
    if (rom > 0) this.#barMasks.set(configHeader.expansionRom.offset, (-rom >>> 0) | 1)
  }

  get #command(): number {
    return this.#view.getUint16(configHeader.command.offset, deviceOrder)
  }

  set #command(value: number) {
    this.#view.setUint16(configHeader.command.offset, value, deviceOrder)
  }
}
