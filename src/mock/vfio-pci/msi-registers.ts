import { capabilityBit, capabilityRegister } from '../../uapi/pci.ts'
import { singleAccesses } from '../memory/single-accesses.ts'
import type { ConfigSpace } from '../sdk/config-space.ts'

const { PCI_MSI_FLAGS, PCI_MSI_ADDRESS_LO, PCI_MSI_DATA_32, PCI_MSI_DATA_64 } = capabilityRegister
const { PCI_MSI_FLAGS_ENABLE, PCI_MSI_FLAGS_QSIZE, PCI_MSI_FLAGS_64BIT } = capabilityBit
const vectorsShift = 4

/**
 * The MSI capability as vfio-pci shows it to whoever has the device open: flags, address and data of its own, which
 * keep what is written. The device hears of the flags alone, so that MSI which the driver has enabled can be turned off
 * there.
 */
export class MsiRegisters {
  readonly #capability: number
  /** By their offsets in the configuration space. */
  readonly #bytes: Map<number, number>
  readonly #isEnabled: () => boolean
  /** Of vectors, as a power of 2. */
  #most = 0
  #isTurnedOff = false

  /** `capability`: where it stands. `isEnabled`: by the driver. */
  constructor(config: ConfigSpace, capability: number, isEnabled: () => boolean) {
    const is64Bit = (config.read16(capability + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_64BIT) !== 0
    const data = is64Bit ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32
    const kept = [PCI_MSI_FLAGS, ...range(PCI_MSI_ADDRESS_LO, is64Bit ? 8 : 4), ...range(data, 2)]
    this.#bytes = new Map(kept.map((it) => [capability + it, config.read16(capability + it) & 0xff]))
    this.#capability = capability
    this.#isEnabled = isEnabled
  }

  /** The driver waits for messages, and the device was told to send none. */
  get isTurnedOff(): boolean {
    return this.#isTurnedOff && this.#isEnabled()
  }

  /** By the driver, with so many vectors. */
  enabled(vectors: number): void {
    this.#most = Math.ceil(Math.log2(vectors))
    this.#isTurnedOff = false
  }

  /** The kernel has put back what the device lost in a reset. */
  restored(): void {
    this.#isTurnedOff = false
  }

  /** Puts them into what was read from `offset` on. */
  read(into: Uint8Array, offset: number): void {
    for (const index of into.keys()) into[index] = this.#bytes.get(offset + index) ?? into[index] ?? 0
  }

  write(from: Uint8Array, offset: number): void {
    for (const { at, width } of singleAccesses(offset, from.length)) {
      for (let index = at; index < at + width; index++) {
        if (this.#bytes.has(offset + index)) this.#bytes.set(offset + index, from[index] ?? 0)
      }
      const first = offset + at - this.#capability
      // a write that ends before them counts as well
      if (first >= 0 && first <= PCI_MSI_FLAGS && first + width >= PCI_MSI_FLAGS) this.#takeFlags()
    }
  }

  #takeFlags(): void {
    const at = this.#capability + PCI_MSI_FLAGS
    let flags = this.#bytes.get(at) ?? 0
    if (!this.#isEnabled()) flags &= ~PCI_MSI_FLAGS_ENABLE
    if ((flags & PCI_MSI_FLAGS_QSIZE) >> vectorsShift > this.#most) {
      flags = (flags & ~PCI_MSI_FLAGS_QSIZE) | (this.#most << vectorsShift)
    }
    this.#bytes.set(at, flags)
    this.#isTurnedOff = (flags & PCI_MSI_FLAGS_ENABLE) === 0
  }
}

function range(first: number, length: number): number[] {
  return Array.from({ length }, (_, index) => first + index)
}
