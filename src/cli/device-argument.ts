import { VfioError } from '../errors.ts'
import { readMdevDevices } from '../host/mdev-devices.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { printable, type Uuid, uuidOrNull } from '../units.ts'
import { usageError } from './command.ts'
import type { Context } from './context.ts'

export const deviceForms = 'a UUID, a /dev/vfio/N node or a path in /sys'

/** The device that a positional DEVICE or `-u` names; undefined where neither is given. */
export async function namedDevice(
  { device, uuid }: { readonly device: string | undefined; readonly uuid: string | undefined },
  context: Context,
): Promise<Uuid | undefined> {
  if (device !== undefined && uuid !== undefined) throw usageError('the device is named twice, by position and by -u')
  const name = device ?? uuid
  return name === undefined ? undefined : findDevice(await context.kernel(), name)
}

/** The same, where there must be one. */
export async function requiredDevice(
  names: { readonly device: string | undefined; readonly uuid: string | undefined },
  context: Context,
  hint: string,
): Promise<Uuid> {
  const uuid = await namedDevice(names, context)
  if (uuid === undefined) throw usageError('which device?', hint)
  return uuid
}

/** The UUID behind any form of DEVICE. */
function findDevice(kernel: Kernel, name: string): Uuid {
  const uuid = uuidOrNull(name)
  if (uuid !== null) return uuid
  if (name.startsWith('/dev/vfio/')) return deviceAtNode(kernel, name)
  if (name.startsWith('/sys/')) {
    const found = name
      .split('/')
      .map(uuidOrNull)
      .findLast((part) => part !== null)
    if (found) return found
    throw new VfioError('NOT_FOUND', `no virtual device is at ${printable(name)}`, { hint: 'vfioctl list' })
  }
  throw usageError(`'${printable(name)}' is not a device: ${deviceForms}`, 'vfioctl list')
}

function deviceAtNode(kernel: Kernel, node: string): Uuid {
  const found = readMdevDevices(kernel.files).devices.find((device) => device.node === node)
  if (found !== undefined) return found.uuid
  throw new VfioError('NOT_FOUND', `no running virtual device is behind ${printable(node)}`, {
    hint: 'vfioctl list',
    facts: { node },
  })
}
