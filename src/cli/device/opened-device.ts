import { VfioError } from '../../base/errors.ts'
import { uuidOrNull } from '../../base/units.ts'
import { otherBusDevice, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { findVfioDevice } from '../../host/vfio-device.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { VirtualDevice } from '../../lifecycle/device/virtual-device.ts'
import { list } from '../../lifecycle/kinds/list.ts'
import { namedDevice } from '../../lifecycle/kinds/named-device.ts'
import { type Device, openDevice } from '../../vfio/device.ts'
import type { Region } from '../../vfio/region/region.ts'
import type { Context } from '../context.ts'

/** An opened device with the kernel behind it. */
export interface Opened {
  readonly kernel: Kernel
  readonly device: Device
  /** Null for a device that is none, a PCI device, or one of another bus, with a VFIO driver. */
  readonly virtualDevice: VirtualDevice | null
}

/** Opens the device that an argument names, in any form, for as long as `use` takes. */
export async function withDevice<T>(
  given: string,
  context: Context,
  use: (opened: Opened) => T | Promise<T>,
): Promise<T> {
  const kernel = await context.kernel()
  const { files } = kernel
  const known = shownDevice(otherBusDevice(files, given) ?? parseBusDevice(namedDevice(files, given)))
  if (uuidOrNull(known) !== null) checkRuns(files, known)
  const { name, group } = findVfioDevice(files, known)
  const [virtualDevice = null] = list(files, { name, active: true }).devices
  const device = openDevice(kernel, { group, name })
  try {
    return await use({ kernel, device, virtualDevice })
  } finally {
    device.close()
  }
}

/** Where it does not run, its definition says what to do. */
function checkRuns(files: HostFiles, uuid: string): void {
  const { devices } = list(files, { name: uuid })
  if (devices.some(({ active }) => active)) return
  const defined = devices.length > 0
  throw new VfioError('NOT_FOUND', `${uuid} is not ${defined ? 'active' : 'there'}: nothing to open`, {
    hint: defined ? `vfioctl start ${uuid}` : 'vfioctl list',
    facts: { uuid, defined },
  })
}

/** A region by name ('bar0', 'config') or by number. */
export function regionNamed(device: Device, name: string): Region {
  return device.regions.get(/^\d{1,10}$/.test(name) ? Number(name) : name)
}
