import type { Device } from '../../vfio/device.ts'
import type { Region } from '../../vfio/region/region.ts'
import type { Context } from '../command/context.ts'

/** Opens the device that an argument names, in any form, for as long as `use` takes. */
export async function withDevice<T>(
  given: string,
  context: Context,
  use: (device: Device) => T | Promise<T>,
): Promise<T> {
  const host = await context.host()
  const device = await host.openDevice(given)
  try {
    return await use(device)
  } finally {
    device.close()
  }
}

/** A region by name ('bar0', 'config') or by number. */
export function regionNamed(device: Device, name: string): Region {
  return device.regions.get(/^\d{1,10}$/.test(name) ? Number(name) : name)
}
