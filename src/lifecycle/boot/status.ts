import type { Kernel } from '../../kernel/kernel.ts'
import { earlyDevices } from '../bindings/early-devices.ts'
import { type EarlyStatus, earlyStatus } from '../early/early-status.ts'
import { type RestoreStatus, restoreStatus } from './install.ts'

/** The state of the next boots: who runs `restore`, and which devices are bound early. */
export interface BootStatus extends RestoreStatus {
  /** Null if no device is to have its driver before others see it, and no rule says so. */
  readonly early: EarlyStatus | null
}

/** Reads both; looks into the initramfs images, if the host's programs can be run, which may take seconds. */
export async function bootStatus(kernel: Kernel): Promise<BootStatus> {
  const early = await earlyStatus(kernel, earlyDevices(kernel.files))
  return { ...restoreStatus(kernel.files), early }
}
