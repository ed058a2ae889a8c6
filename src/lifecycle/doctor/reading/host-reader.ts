import type { PciAddress } from '../../../base/units.ts'
import type { BusDevice } from '../../../host/bus/bus-device.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { GpuState } from '../../gpu-modes/gpu-state.ts'

/** The devices, the user and the guest for which a host is looked at; the host alone if empty. */
export interface DoctorRequest {
  /**
   * Devices that VFIO is to have, in any form of their names; if absent, those that are kept for it, or that it has.
   */
  readonly devices?: readonly string[]
  /** The user who is to open the devices: a name, or a number. */
  readonly user?: string
  /**
   * The systemd service that runs the guest, 'my-vm' or 'my-vm.service'; then it is asked for its limit, not the user.
   */
  readonly unit?: string
  /** Bytes of a guest's memory, which is locked as a whole while a device is in the guest. */
  readonly guestMemory?: number
  /** Number of devices that the guest gets: that of `devices`, or 1, if absent. */
  readonly deviceCount?: number
  /** The guest has an IOMMU of its own, so that each device has an address space of its own. */
  readonly viommu?: boolean
}

/** A device that VFIO is to have, or that is to have the driver that is kept for it. */
export interface WantedDevice {
  readonly device: BusDevice
  /** As commands take it. */
  readonly name: string
  /** Its folder in sysfs. */
  readonly path: string
  /** The driver that is kept for it, `none`, or `best`; null if nothing is. */
  readonly kept: string | null
  /** The driver that it should have: the one that is kept, or VFIO's; null if none. */
  readonly wanted: string | null
  /** The driver that it has; null if none. */
  readonly driver: string | null
  /** VFIO has it. */
  readonly vfio: boolean
  /** Its IOMMU group; null if it is in none. */
  readonly group: number | null
}

/** A host, for those who look for findings. */
export interface HostReader {
  /** For what no text file tells. */
  readonly kernel: Kernel
  readonly files: HostFiles
  /** The devices that matter; those that are not there are left out. */
  readonly devices: readonly WantedDevice[]
  readonly request: DoctorRequest
  /** The modes of NVIDIA's cards of which some are kept, as far as nvidia-smi told them. */
  readonly gpuStates: ReadonlyMap<PciAddress, GpuState>
}
