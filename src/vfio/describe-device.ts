import { hex } from '../base/units.ts'
import type { DeviceCapability, DeviceFlags } from '../uapi/device.ts'
import type { IrqFlags } from '../uapi/irq.ts'
import type { RegionCapability, RegionFlags } from '../uapi/region.ts'
import type { IommuMode } from './address-space/address-space.ts'
import type { Device } from './device.ts'

/** A device as plain data, for JSON: 64-bit values are hex strings, bytes are runs of hex digits. */
export interface DescribedDevice {
  readonly name: string
  readonly group: number | null
  readonly iommuMode: IommuMode
  readonly flags: DeviceFlags
  readonly numRegions: number
  readonly numIrqs: number
  readonly capabilities: readonly DescribedCapability<DeviceCapability>[]
  readonly regions: readonly DescribedRegion[]
  readonly irqs: readonly DescribedIrq[]
}

/** A region as plain data. */
export interface DescribedRegion {
  readonly index: number
  readonly name: string
  /** '0xff'; '0x0' for a region that is not there. */
  readonly size: string
  readonly offset: string
  readonly flags: RegionFlags
  readonly capabilities: readonly DescribedCapability<RegionCapability>[]
}

/** An interrupt as plain data. */
export interface DescribedIrq {
  readonly index: number
  readonly name: string
  readonly count: number
  readonly flags: IrqFlags
}

/** A capability with its 64-bit values and bytes as hex. */
export type DescribedCapability<Capability> = { readonly [Field in keyof Capability]: AsText<Capability[Field]> }

/** The type of a value once its 64-bit numbers and bytes are text. */
export type AsText<Value> = Value extends bigint | Uint8Array
  ? string
  : Value extends readonly (infer Item)[]
    ? readonly AsText<Item>[]
    : Value extends object
      ? { readonly [Field in keyof Value]: AsText<Value[Field]> }
      : Value

/** Asks the device for every region and irq below its counts. */
export function describeDevice(device: Device): DescribedDevice {
  const { flags, numRegions, numIrqs, capabilities } = device.info
  return {
    name: device.name,
    group: device.group,
    iommuMode: device.iommuMode,
    flags,
    numRegions,
    numIrqs,
    capabilities: capabilities.map(describeDeviceCapability),
    regions: Array.from(device.regions, ({ index, name, size, offset, flags, capabilities }) => ({
      index,
      name,
      size: hex(size),
      offset: hex(offset),
      flags,
      capabilities: capabilities.map(describeRegionCapability),
    })),
    irqs: Array.from(device.irqs, ({ index, name, count, flags }) => ({ index, name, count, flags })),
  }
}

function describeDeviceCapability(capability: DeviceCapability): DescribedCapability<DeviceCapability> {
  return 'data' in capability ? { ...capability, data: hexDigits(capability.data) } : capability
}

function describeRegionCapability(capability: RegionCapability): DescribedCapability<RegionCapability> {
  if (capability.name === 'unknown') return { ...capability, data: hexDigits(capability.data) }
  if (capability.name !== 'sparse-mmap') return capability
  return {
    ...capability,
    areas: capability.areas.map(({ offset, size }) => ({ offset: hex(offset), size: hex(size) })),
  }
}

function hexDigits(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
