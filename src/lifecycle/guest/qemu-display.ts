import { VfioError } from '../../base/errors.ts'
import type { Warning } from '../../host/warning.ts'
import type { GuestDevice } from './guest-device.ts'
import type { QemuProperties } from './qemu-option.ts'

/** A size in pixels. */
export interface Resolution {
  readonly width: number
  readonly height: number
}

/** Options for the displays that virtual devices have. */
export interface QemuDisplayOptions {
  /** Show them in QEMU's own display, which it must have. False unless said, as QEMU refuses a device otherwise. */
  readonly display?: boolean
  /** The resolution that the guest is told, by devices that have an EDID. */
  readonly resolution?: Resolution
}

/**
 * The driver and the properties of a device's display. `ramfb`, which shows the guest's firmware before it has a
 * driver, can be had once in a machine, and by a device that is never unplugged.
 */
export function displayProperties(
  all: readonly GuestDevice[],
  device: GuestDevice,
  { display = false, resolution }: QemuDisplayOptions,
): QemuProperties & { readonly driver: string } {
  if (!display || device.display === null) return { driver: device.model }
  const isFirst = all.find((it) => it.display !== null) === device
  const edid =
    device.display.edid && resolution !== undefined ? { xres: resolution.width, yres: resolution.height } : {}
  return isFirst
    ? { driver: 'vfio-pci-nohotplug', display: 'on', ramfb: 'on', ...edid }
    : { driver: device.model, display: 'on', ...edid }
}

/** Throws INVALID_ARGUMENT for a resolution without a display. */
export function displayWarnings(
  devices: readonly GuestDevice[],
  { display = false, resolution }: QemuDisplayOptions,
): Warning[] {
  if (!display && resolution !== undefined) {
    throw new VfioError('INVALID_ARGUMENT', 'a resolution is for displays that are shown', {
      hint: 'vfioctl qemu --help',
    })
  }
  if (!display) return []
  const shown = devices.filter((device) => device.display !== null)
  if (shown.length === 0)
    return [{ path: 'display', message: 'is asked for, and none of these devices is known to have one' }]
  const needGl = shown.filter((device) => device.display?.plane === 'dmabuf').map(({ name }) => name)
  const noEdid = resolution === undefined ? [] : shown.filter((device) => device.display?.edid === false)
  return [
    ...needGl.map((path) => ({
      path,
      message: 'shows its picture as a dma-buf: QEMU needs OpenGL, as -display gtk,gl=on',
    })),
    ...noEdid.map(({ name }) => ({ path: name, message: 'has no EDID by which a guest could be told a resolution' })),
  ]
}
