import * as v from 'valibot'
import { driverNameFault } from '../../host/driver-name.ts'
import { Settings } from './settings.ts'

/** The driver that a PCI device is to have at every boot. */
export interface KeptBinding {
  readonly driver: string
  /** What stood at that address, as sysfs shows it ('0x8086', '0x10d3'): addresses move when cards do. */
  readonly vendor: string
  readonly device: string
}

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

/** By PCI address. */
export const keptBindings: Settings<KeptBinding> = new Settings(
  'bindings',
  'driver binding',
  v.strictObject({ driver: driverName, vendor: pciId, device: pciId }),
)
