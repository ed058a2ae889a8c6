import type { PciAddress } from '../../base/units.ts'
import { undoPath, withoutEarly } from './early-files.ts'

/** A PCI device that is to have its driver before any other driver sees it. */
export interface EarlyDevice {
  readonly address: PciAddress
  /** Ids of the device at that address ('0x8086', '0x10d3'): another one that stands there at a boot is left alone. */
  readonly vendor: string
  readonly device: string
  /** Its name, or `none`. */
  readonly driver: string
  /** The module of the driver; null if it needs none. */
  readonly module: string | null
}

/** True if a driver's name can stand in a udev rule as it is. */
export function isRuleWord(driver: string): boolean {
  return /^[\w.+-]+$/.test(driver)
}

/**
 * The udev rule that names the driver of each device before a driver of the bus is loaded. udev handles several devices
 * at a time, so that the event of a twin may load the native driver of both: every event names the drivers of all. A
 * device that has a driver, or for which another driver was named, is left alone, as is what has other ids.
 */
export function earlyRule(devices: readonly EarlyDevice[]): string {
  return `# Written by \`vfioctl bind DEVICE --early\`: these PCI devices have their driver before any other driver sees them.
# \`vfioctl bind DEVICE --no-early\` takes one out; without vfioctl, sh ${undoPath} takes out all.
# ${withoutEarly} on the kernel's command line leaves them out of one boot.
ACTION!="add", GOTO="vfioctl_early_end"
SUBSYSTEM!="pci", GOTO="vfioctl_early_end"
IMPORT{cmdline}="vfioctl.early"
ENV{vfioctl.early}=="0", GOTO="vfioctl_early_end"
${devices.map(lineOf).join('')}LABEL="vfioctl_early_end"
`
}

function lineOf({ address, vendor, device, driver, module }: EarlyDevice): string {
  const attribute = (name: string) => `ATTR{[pci/${address}]${name}}`
  const override = attribute('driver_override')
  return [
    `TEST!="[pci/${address}]driver"`,
    `${attribute('vendor')}=="${vendor}"`,
    `${attribute('device')}=="${device}"`,
    // nothing, in the words of kernels old and new, or what an initramfs without the module has left
    `${override}=="(null)||${driver}"`,
    `${override}="${driver}"`,
    // for a driver that is there already; else its module, as it is loaded, takes what is its own
    ...(module === null
      ? []
      : [`ATTR{[subsystem/pci]drivers_probe}="${address}"`, `RUN{builtin}+="kmod load ${module}"`]),
  ]
    .join(', ')
    .concat('\n')
}
