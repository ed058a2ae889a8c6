import type { PciAddress } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { pciDevices } from '../pci-bus.ts'
import { followLinks, linkedName } from '../sysfs/links.ts'
import { kindOrNone, listOrNone, readOrEmpty } from '../sysfs/readable.ts'
import { type HeldMemory, heldByFramebuffer } from './held-memory.ts'

/** The kernel argument with which there is no framebuffer of the firmware's, from Linux 5.15 on. */
export const noFramebuffer = 'initcall_blacklist=sysfb_init'

/** The option of `bind` by which the host lets go of its screen. */
export const releaseOption = '--release-framebuffer'

const platformBus = '/sys/bus/platform'
/** Names that the kernel gives the framebuffer that the firmware has set up (drivers/firmware/sysfb.c). */
const platformName = /^(?:simple|efi|vesa)-framebuffer\.\d{1,9}$/

/** The framebuffer that the firmware has set up, on the memory of one PCI device. */
export interface FirmwareFramebuffer {
  /** Its name on the platform bus, 'efi-framebuffer.0'; null if only the memory is seen. */
  readonly name: string | null
  /** Its driver on that bus, which shows the console there; null if none has it. */
  readonly driver: string | null
  /** The memory that is held; null if /proc/iomem does not tell. */
  readonly memory: HeldMemory | null
}

/** 'the firmware's framebuffer efi-framebuffer.0 holds its BAR 0 (efifb)'. */
export function framebufferInWords({ name, memory }: FirmwareFramebuffer): string {
  const which = `the firmware's framebuffer${name === null ? '' : ` ${name}`}`
  if (memory === null) return `${which} is on it`
  return `${which} holds ${memory.bar === null ? 'memory of it' : `its BAR ${memory.bar}`} (${memory.holder})`
}

/**
 * True of the display that the machine has booted with; null if sysfs does not tell, as of any device but a display.
 */
export function isBootDisplay(files: HostFiles, address: PciAddress): boolean | null {
  const text = readOrEmpty(files, `${pciDevices}/${address}/boot_vga`).trim()
  return text === '1' ? true : text === '0' ? false : null
}

/**
 * The firmware's framebuffer on a device; null if there is none, or if it has no driver and holds nothing. From Linux
 * 6.9 on, sysfs has it below the device; before, only /proc/iomem says whose memory it is on, which shows its addresses
 * to root alone, and its names to anyone.
 */
export function firmwareFramebuffer(files: HostFiles, address: PciAddress): FirmwareFramebuffer | null {
  const memory = heldByFramebuffer(files, address)
  const all = listOrNone(files, `${platformBus}/devices`)
    .filter((name) => platformName.test(name))
    .map((name) => ({ name, path: placeOf(files, `${platformBus}/devices/${name}`) }))
  const own = `${placeOf(files, `${pciDevices}/${address}`)}/`
  const named =
    all.find(({ path }) => path.startsWith(own)) ??
    (memory === null ? undefined : all.find(({ path }) => path.startsWith('/sys/devices/platform/')))
  if (named === undefined) return memory === null ? null : { name: null, driver: null, memory }
  const driver = firmwareFramebufferDriver(files, named.name)
  return driver === null && memory === null ? null : { name: named.name, driver, memory }
}

/** The driver that has the framebuffer now; null if none has it. */
export function firmwareFramebufferDriver(files: HostFiles, name: string): string | null {
  return linkedName(files, `${platformBus}/devices/${name}/driver`)
}

/** The file by which a driver of the platform bus takes a device, or lets go of it. */
export function platformControl(driver: string, control: 'bind' | 'unbind'): string {
  return `${platformBus}/drivers/${driver}/${control}`
}

/** True if the framebuffer's device is there still: it does not come back before the next boot. */
export function isFramebufferThere(files: HostFiles, name: string): boolean {
  return kindOrNone(files, `${platformBus}/devices/${name}`) !== null
}

/** The folder in /sys/devices, with the links followed. */
export function placeOf(files: HostFiles, path: string): string {
  return followLinks(files, path) ?? path
}
