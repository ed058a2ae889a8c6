import { kernelAnswer, type VfioError, withMore } from '../../base/errors.ts'
import { pciAddressOrNull } from '../../base/units.ts'
import { type BusDevice, devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import {
  type FirmwareFramebuffer,
  firmwareFramebuffer,
  firmwareFramebufferDriver,
  framebufferInWords,
  isFramebufferThere,
  noFramebuffer,
  platformControl,
  releaseOption,
} from '../../host/display/boot-display.ts'
import { type ScreenConsole, screenConsole } from '../../host/display/screen-console.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'
import type { PciUse } from '../in-use/pci-use.ts'
import type { BindingOptions } from './binding-change.ts'
import { sayWhileWaiting } from './change-driver.ts'

/** A screen of the host on a PCI device that is to be another's. */
export interface LostScreen {
  readonly device: BusDevice
  /** The framebuffer that the firmware has set up on it; null if there is none. */
  readonly firmware: FirmwareFramebuffer | null
  /** The host's text console on it; null if it is not there. */
  readonly console: ScreenConsole | null
  /** The writes by which the host lets go of it; null if nobody has asked for that. */
  readonly release: readonly Write[] | null
}

/**
 * The host's screen on a device; null if it shows none. `isDriven` says that a driver of the device itself loses it:
 * the console that it draws counts too.
 */
export function lostScreen(
  files: HostFiles,
  device: BusDevice,
  { isDriven, isReleased }: { readonly isDriven: boolean; readonly isReleased: boolean },
): LostScreen | null {
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  if (address === null) return null
  const firmware = firmwareFramebuffer(files, address)
  const name = firmware?.name ?? null
  const folder = name === null ? devicePath(device) : `/sys/bus/platform/devices/${name}`
  const console = isDriven || name !== null ? screenConsole(files, folder) : null
  if (firmware === null && console === null) return null
  return { device, firmware, console, release: isReleased ? releaseSteps(firmware, console) : null }
}

/**
 * The framebuffer's driver lets go, and the console with it. A console that the device's own driver draws is taken from
 * it.
 */
function releaseSteps(firmware: FirmwareFramebuffer | null, console: ScreenConsole | null): Write[] {
  if (firmware?.name != null) {
    const { name, driver } = firmware
    return driver === null ? [] : [{ action: 'write', path: platformControl(driver, 'unbind'), value: name }]
  }
  return console === null ? [] : [{ action: 'write', path: console.control, value: '0' }]
}

/** The use of a screen that the host has not been told to let go of, now or with `waits` at the next boot. */
export function screenUses(screen: LostScreen | null, waits: boolean = false): PciUse[] {
  if (screen === null || screen.release !== null) return []
  const { device, firmware, console } = screen
  const words = [
    ...(firmware === null ? [] : [framebufferInWords(firmware)]),
    ...(console === null ? [] : [`the host's console is on it (${console.framebuffer})`]),
  ]
  return [
    {
      what: words.join(', and '),
      end: `vfioctl bind ${shownDevice(device)} ${releaseOption}${waits ? ' --next-boot' : ''}`,
    },
  ]
}

/** The host lets go of a screen, as asked. */
export async function releaseScreen(
  { files }: Kernel,
  screen: LostScreen | null,
  { onMessage: said }: BindingOptions,
): Promise<void> {
  for (const { path, value } of screen?.release ?? []) {
    try {
      await sayWhileWaiting(files.write(path, value), () =>
        said?.(`still waiting: the kernel has not answered a write to ${path}`),
      )
    } catch (error) {
      throw refusedByKernel(`cannot take the screen on ${screen?.device.name} from the host`, error, {
        hint: 'dmesg | tail',
        path,
      })
    }
  }
}

/**
 * Gives a released screen back to the host. Null, or words if that cannot be: the kernel may have removed it by then.
 */
export async function giveScreenBack({ files }: Kernel, screen: LostScreen | null): Promise<string | null> {
  if (screen?.release == null || screen.release.length === 0) return null
  const { firmware, console } = screen
  if (firmware?.name != null && firmware.driver !== null) {
    const { name, driver } = firmware
    if (!isFramebufferThere(files, name)) {
      return `${name} does not come back before the next boot, as the kernel has removed it`
    }
    if (firmwareFramebufferDriver(files, name) === null) await files.write(platformControl(driver, 'bind'), name)
  } else if (console !== null && readOrEmpty(files, console.control).trim() === '0') {
    await files.write(console.control, '1')
  }
  return null
}

/** The same after an error, which tells of it. */
export async function afterScreenBack(kernel: Kernel, screen: LostScreen | null, error: VfioError): Promise<VfioError> {
  if (screen?.release == null || screen.release.length === 0) return error
  try {
    return withMore(error, (await giveScreenBack(kernel, screen)) ?? 'the host has its screen again')
  } catch (second) {
    return withMore(error, `and the host's screen could not be given back: ${kernelAnswer(second)}`)
  }
}

/** True of the files by which the host lets go of a screen. */
export function isScreenControl(path: string): boolean {
  return /^\/sys\/(?:bus\/platform\/drivers\/[\w-]+-framebuffer\/unbind|class\/vtconsole\/\w+\/bind)$/.test(path)
}

/** Tells of memory of a device that the framebuffer holds although its driver has let go; none if all is free. */
export function heldLines(files: HostFiles, device: BusDevice): string[] {
  const firmware = lostScreen(files, device, { isDriven: false, isReleased: false })?.firmware ?? null
  if (firmware?.memory == null) return []
  return [
    `${framebufferInWords(firmware)} all the same, until a boot without it: add the kernel argument ${noFramebuffer}`,
  ]
}
