import * as v from 'valibot'
import { pciAddressOrNull } from '../../base/units.ts'
import { type BusName, buses } from '../../host/bus/bus.ts'
import type { BusDevice } from '../../host/bus/bus-device.ts'
import { driverNameFault } from '../../host/driver-name.ts'
import type { PciSettings } from './pci-settings.ts'
import { pciSettings } from './pci-settings-schema.ts'
import { Settings } from './settings.ts'

/** The driver that a PCI device is to have at every boot. */
export interface KeptPciBinding {
  /** Its name, `none`, or `best`: VFIO's best driver for the device, of those that the kernel has at that boot. */
  readonly driver: string
  /** Ids of the device at that address, as sysfs shows them ('0x8086', '0x10d3'): addresses move if cards do. */
  readonly vendor: string
  readonly device: string
  /** It is to have that driver before any other driver sees it, by a udev rule that is in the initramfs too. */
  readonly early?: true | undefined
  /** Its power, resets and BAR sizes at every boot. */
  readonly settings?: PciSettings
  /** The same as they were before, which giving the device back brings back. */
  readonly before?: PciSettings
  /** The host is to let go of its screen on the device first. */
  readonly framebuffer?: 'release'
  /** The boot in which it was asked for, from the next one on: until then, it stays as it is. */
  readonly afterBoot?: string
}

/** The same of a device on another bus. */
interface KeptBusBinding {
  readonly bus: BusName
  readonly driver: string
  /** The device's modalias ('css:t0', 'of:N…'): names move too. Null if it has none. */
  readonly modalias: string | null
  /** As for a PCI device. */
  readonly afterBoot?: string
}

/** The driver that a device is to have at every boot, and what the device was. */
export type KeptBinding = KeptPciBinding | KeptBusBinding

/** The name of a driver, checked. */
export const driverName: v.GenericSchema<unknown, string> = v.pipe(
  v.string(),
  v.check((name) => driverNameFault(name) === null, 'must be the name of a driver'),
)
/** As sysfs shows it. */
export const pciId: v.GenericSchema<unknown, string> = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{4}$/, 'must be a PCI id such as 0x8086'),
)

const pciBinding = v.strictObject({
  driver: driverName,
  vendor: pciId,
  device: pciId,
  early: v.optional(v.literal(true)),
  settings: v.exactOptional(pciSettings),
  before: v.exactOptional(pciSettings),
  framebuffer: v.exactOptional(v.literal('release')),
  afterBoot: v.exactOptional(v.string()),
})
const busBinding = v.strictObject({
  bus: v.picklist(buses.map(({ name }) => name)),
  driver: driverName,
  modalias: v.nullable(v.string()),
  afterBoot: v.exactOptional(v.string()),
})

/** By PCI address, or by bus and name: 'css-0.0.0313'. */
export const keptBindings: Settings<KeptBinding> = new Settings(
  'bindings',
  'driver binding',
  v.lazy((value) => (typeof value === 'object' && value !== null && 'bus' in value ? busBinding : pciBinding)),
)

/** The name of a device's setting: a PCI address as it is, others with their bus in front, as driverctl has it. */
export function bindingName({ bus, name }: BusDevice): string {
  return bus === 'pci' ? name : `${bus}-${name}`
}

/** The device of such a name; null if it has neither form. */
export function boundDeviceOrNull(name: string): BusDevice | null {
  if (pciAddressOrNull(name) === name) return { bus: 'pci', name }
  const bus = buses.find((one) => one.name !== 'pci' && name.startsWith(`${one.name}-`))
  const its = bus?.parseName(name.slice(bus.name.length + 1)) ?? null
  return bus === undefined || its === null ? null : { bus: bus.name, name: its }
}
