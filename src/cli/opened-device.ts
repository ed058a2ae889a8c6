import { VfioError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { list } from '../lifecycle/list.ts'
import type { VirtualDevice } from '../lifecycle/virtual-device.ts'
import { type Device, openDevice } from '../vfio/device.ts'
import type { Region } from '../vfio/region.ts'
import type { Context } from './context.ts'
import { findDevice } from './device-argument.ts'

export interface Opened {
  readonly device: Device
  readonly virtualDevice: VirtualDevice
}

/** Opens the device that an argument names for as long as `use` takes. NOT_FOUND where it does not run. */
export async function withDevice<T>(name: string, context: Context, use: (opened: Opened) => T): Promise<T> {
  const kernel = await context.kernel()
  const virtualDevice = runningDevice(kernel, name)
  const { uuid, group } = virtualDevice
  if (group === null) {
    throw new VfioError('NOT_SUPPORTED', `cannot open ${uuid}: no VFIO driver has it, so it is in no IOMMU group`, {
      hint: 'modprobe vfio_mdev (kernels before 5.16), and dmesg | tail',
      facts: { uuid },
    })
  }
  const device = openDevice(kernel, { group, name: uuid })
  try {
    return use({ device, virtualDevice })
  } finally {
    device.close()
  }
}

function runningDevice(kernel: Kernel, name: string): VirtualDevice {
  const uuid = findDevice(kernel, name)
  const { devices } = list(kernel.files, { uuid })
  const running = devices.find(({ active }) => active)
  if (running !== undefined) return running
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
