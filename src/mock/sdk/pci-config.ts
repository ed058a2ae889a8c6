import { regionFlag } from '../../uapi/region.ts'
import { ConfigSpace } from './config-space.ts'
import type { ModelRegion } from './region.ts'

/** Description of a function for its configuration space. */
export interface PciConfigOptions {
  readonly vendor: number
  readonly device: number
  readonly subsystemVendor?: number
  readonly subsystemDevice?: number
  /** 24 bits: base class, subclass, programming interface. */
  readonly class: number
  readonly revision?: number
  /** Bytes of configuration space; 256 if absent. */
  readonly size?: 256 | 4096
  /** Bytes of each BAR, a power of two, by its index. */
  readonly bars?: Readonly<Record<number, number>>
  /** Other non-zero power-on bytes, in hex by offset in hex ('0x3d': '01'): BAR types, interrupt pin, capabilities. */
  readonly registers?: Readonly<Record<string, string>>
  /** Memory decoding went on or off, by the command register or the power state. */
  readonly onDecode?: (isOn: boolean) => void
  /** State that `save` returned. */
  readonly saved?: unknown
}

/** Configuration space of a mediated PCI device: ids, a command register, BARs that can be sized. */
export class PciConfig implements ModelRegion {
  readonly size: number
  readonly flags: number = regionFlag.VFIO_REGION_INFO_FLAG_READ | regionFlag.VFIO_REGION_INFO_FLAG_WRITE
  readonly #space: ConfigSpace
  readonly #onDecode: (isOn: boolean) => void

  constructor(options: PciConfigOptions) {
    const { subsystemVendor = options.vendor, subsystemDevice = options.device, revision = 0 } = options
    this.size = options.size ?? 256
    this.#onDecode = options.onDecode ?? (() => {})
    this.#space = new ConfigSpace(
      {
        vendor: String(options.vendor),
        device: String(options.device),
        class: String(options.class),
        revision: String(revision),
        subsystemVendor: String(subsystemVendor),
        subsystemDevice: String(subsystemDevice),
      },
      { configSize: options.size ?? 256, bars: options.bars ?? {}, rom: 0, config: options.registers ?? {} },
    )
    this.#space.restore(options.saved)
  }

  /** True while the device decodes its memory BARs. */
  get isMemoryOn(): boolean {
    return this.#space.isMemoryOn
  }

  /** True while the device may read and write memory by itself. */
  get isBusMaster(): boolean {
    return this.#space.isBusMaster
  }

  /** Reads configuration space as the device answers. */
  read(into: Uint8Array, offset: number): void {
    this.#space.read(into, offset)
  }

  /** Writes configuration space: bits that a device keeps to itself stay. */
  write(from: Uint8Array, offset: number): void {
    const wasOn = this.isMemoryOn
    this.#space.write(from, offset)
    if (this.isMemoryOn !== wasOn) this.#onDecode(this.isMemoryOn)
  }

  /** The written bytes as JSON can hold them, for `saved`. */
  save(): string {
    return this.#space.save()
  }
}
