import * as v from 'valibot'
import { pciId } from './bindings.ts'
import type { PciSettings } from './pci-settings.ts'
import { pciSettings } from './pci-settings-schema.ts'
import { Settings } from './settings.ts'

/** Power, resets and BAR sizes of a PCI device, as they were before they were set for this boot alone. */
export interface SettingsBefore {
  /** Ids of the device at that address, as sysfs shows them: another may be plugged in there. */
  readonly vendor: string
  readonly device: string
  readonly before: PciSettings
}

/** By PCI address, in a folder that is empty after each boot, as those settings are gone then. */
export const settingsBefore: Settings<SettingsBefore> = new Settings(
  'vfioctl',
  'record of settings',
  v.strictObject({ vendor: pciId, device: pciId, before: pciSettings }),
  '/run',
)
