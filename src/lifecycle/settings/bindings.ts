import * as v from 'valibot'
import { Settings } from './settings.ts'

/** The driver that a PCI device is to have at every boot. */
export interface KeptBinding {
  readonly driver: string
  /** What stood at that address, as sysfs shows it ('0x8086', '0x10d3'): addresses move when cards do. */
  readonly vendor: string
  readonly device: string
}

const id = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{4}$/, 'must be a PCI id such as 0x8086'))

/** By PCI address. */
export const keptBindings: Settings<KeptBinding> = new Settings(
  'bindings',
  'driver binding',
  v.strictObject({ driver: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, 'must be a driver')), vendor: id, device: id }),
)
