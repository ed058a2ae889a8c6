import { VfioError } from '../../errors.ts'
import { nodesOf, readMdevDevices } from '../../host/mdev-devices.ts'
import { readVgpuFunction, readVgpuFunctions } from '../../host/vgpu-functions.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type PciAddress, pciAddressOrNull, printable, type Uuid, uuidOrNull } from '../../units.ts'
import { usageError } from '../command.ts'
import type { Context } from '../context.ts'

export const deviceForms = 'a UUID, the PCI address of a vGPU, a /dev/vfio/N node or a path in /sys'

/** The virtual device that a positional DEVICE or `-u` names; undefined where neither is given. */
export async function namedDevice(
  { device, uuid }: { readonly device: string | undefined; readonly uuid: string | undefined },
  context: Context,
): Promise<Uuid | PciAddress | undefined> {
  if (device !== undefined && uuid !== undefined) throw usageError('the device is named twice, by position and by -u')
  const name = device ?? uuid
  return name === undefined ? undefined : findDevice((await context.kernel()).files, name)
}

/** The same, where there must be one. */
export async function requiredDevice(
  names: { readonly device: string | undefined; readonly uuid: string | undefined },
  context: Context,
  hint: string,
): Promise<Uuid | PciAddress> {
  const name = await namedDevice(names, context)
  if (name === undefined) throw usageError('which device?', hint)
  return name
}

/** The UUID or address behind any form of DEVICE. */
function findDevice(files: HostFiles, name: string): Uuid | PciAddress {
  const known = uuidOrNull(name) ?? pciAddressOrNull(name)
  if (known !== null) return known
  if (name.startsWith('/dev/vfio/')) return deviceAtNode(files, name)
  if (name.startsWith('/sys/')) return deviceAtPath(files, name)
  throw usageError(`'${printable(name)}' is not a device: ${deviceForms}`, 'vfioctl list')
}

function deviceAtPath(files: HostFiles, path: string): Uuid | PciAddress {
  const parts = path.split('/')
  const uuid = parts.map(uuidOrNull).findLast((part) => part !== null)
  const address = parts.map(pciAddressOrNull).findLast((part) => part !== null)
  if (uuid) return uuid
  if (address && readVgpuFunction(files, address) !== null) return address
  throw new VfioError('NOT_FOUND', `no virtual device is at ${printable(path)}`, { hint: 'vfioctl list' })
}

function deviceAtNode(files: HostFiles, node: string): Uuid | PciAddress {
  const mdev = readMdevDevices(files).devices.find((device) => nodesOf(device).includes(node))
  if (mdev !== undefined) return mdev.uuid
  const vgpu = readVgpuFunctions(files).functions.find((it) => it.node === node || it.deviceNode === node)
  if (vgpu !== undefined) return vgpu.address
  throw new VfioError('NOT_FOUND', `no running virtual device is behind ${printable(node)}`, {
    hint: 'vfioctl list',
    facts: { node },
  })
}
