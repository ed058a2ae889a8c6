import type { BusName } from '../../host/bus/bus.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import type { PciSettingsWish } from '../settings/pci-settings.ts'

/** The change of a device's driver that was made, or with `dryRun` would be. No steps: it was already so. */
export interface BindingChange {
  readonly bus: BusName
  /** Its name there: a PCI address, '0.0.0313'. */
  readonly device: string
  readonly from: string | null
  /** Null if no driver has it in the end, or, with `dryRun`, if the kernel would choose. */
  readonly to: string | null
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}

/** The devices whose driver changes. */
export interface BindingRequest {
  /** Its PCI address, long or short, or BUS/NAME ('css/0.0.0313', 'platform/e0700000.xgmac'); or several. */
  readonly device: string | readonly string[]
  /** Every endpoint of its IOMMU group, as VFIO takes the group as a whole: of the same bus, bridges left out. */
  readonly group?: boolean
}

/** Devices to bind, and the driver they get. */
export interface BindRequest extends BindingRequest {
  /**
   * Its name, that of its module, or `none`, which takes the device from the driver that it has and keeps all others
   * away. `best`, or absent: VFIO's best driver for the device, that of its bus ('vfio-pci', 'vfio_ccw') or one of this
   * kernel for just such devices ('mlx5_vfio_pci').
   */
  readonly driver?: string
  /** Not at the next boots: nothing is kept. */
  readonly transient?: boolean
  /** From the next boot on: it is kept, and the device stays with the driver that it has until then. */
  readonly nextBoot?: boolean
  /**
   * At every boot before any other driver sees a PCI device, by a udev rule that is in the initramfs too, which is made
   * anew for that; false for no longer. Absent: as it is kept.
   */
  readonly early?: boolean
  /**
   * Power, resets and BAR sizes of the PCI devices that are named; the rest of their groups gets the same power. What
   * is kept already holds beside it, and with settings alone, without a driver, so does the driver that is kept.
   * `default` takes one back to what it was before it was set, and keeps nothing of it.
   */
  readonly settings?: PciSettingsWish
  /**
   * The host lets go of its screen on the device first: the framebuffer that the firmware has set up there, and the
   * text console. Without it, a device that shows them is in use (DEVICE_BUSY).
   */
  readonly releaseFramebuffer?: boolean
}

/** Options for changing a device's driver. */
export interface BindingOptions extends Omit<ChangeOptions, 'force'> {
  /** Although the host itself uses the device. What VFIO's users have open stays theirs all the same. */
  readonly force?: boolean
}
