import type { VfioError } from '../../../base/errors.ts'
import type { Uuid } from '../../../base/units.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import type { Write } from '../../change/change.ts'
import { refusedByKernel } from '../../change/refused-by-kernel.ts'
import { checkNotHeld, type HeldDevice, withDeviceLock } from '../../device/device-lock.ts'
import { unmarkHalfConfigured } from '../../device/half-configured.ts'
import { type MdevDevice, mdevPath } from './mdev-devices.ts'

/** The write that removes a device. */
export function removalStep(uuid: Uuid): Write {
  return { action: 'write', path: `${mdevPath(uuid)}/remove`, value: '1' }
}

/** DEVICE_BUSY, with who holds it, if a process has the device open. */
export function checkRemovable(kernel: Kernel, device: MdevDevice): void {
  checkNotHeld(kernel, heldMdev(device))
}

/**
 * Removes a running device that nobody has open, and keeps everybody out meanwhile, if `keeper` does not. DEVICE_BUSY
 * otherwise.
 */
export async function removeDevice(kernel: Kernel, active: MdevDevice, keeper?: number): Promise<void> {
  const { path, value } = removalStep(active.uuid)
  await withDeviceLock(kernel, { ...heldMdev(active), keeper }, async () => {
    try {
      await kernel.files.write(path, value)
    } catch (error) {
      throw removalFailed(active.uuid, error)
    }
    unmarkHalfConfigured(kernel.files, active.uuid)
  })
}

function heldMdev({ uuid, node, deviceNode }: MdevDevice): HeldDevice {
  return { name: uuid, node, deviceNode, attempt: `cannot stop ${uuid}` }
}

function removalFailed(uuid: Uuid, cause: unknown): VfioError {
  return refusedByKernel(`cannot stop ${uuid}`, cause, {
    hint: 'dmesg | tail, for what the driver says',
    facts: { uuid },
  })
}
