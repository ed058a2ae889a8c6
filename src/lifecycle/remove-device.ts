import { kernelAnswer, VfioError } from '../errors.ts'
import { type DeviceUser, findDeviceUsers, usersOfAny } from '../host/device-users.ts'
import { type MdevDevice, mdevPath, nodesOf } from '../host/mdev-devices.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { failedWith } from '../kernel/system-error.ts'
import type { Uuid } from '../units.ts'
import type { Step } from './change.ts'
import { unmarkHalfMade } from './half-made.ts'

/** The write that removes a device. */
export function removalStep(uuid: Uuid): Extract<Step, { action: 'write' }> {
  return { action: 'write', path: `${mdevPath(uuid)}/remove`, value: '1' }
}

/** DEVICE_BUSY, with who holds it, where a process has the device open. */
export function checkNotHeld(kernel: Kernel, device: MdevDevice): void {
  releaseGroup(kernel, holdGroup(kernel, device))
}

/** Removes a running device that nobody has open, and keeps everybody out meanwhile. DEVICE_BUSY otherwise. */
export async function removeDevice(kernel: Kernel, active: MdevDevice): Promise<void> {
  const { path, value } = removalStep(active.uuid)
  const group = holdGroup(kernel, active)
  try {
    await kernel.files.write(path, value)
    unmarkHalfMade(kernel.files, active.uuid)
  } catch (error) {
    throw removalFailed(active, error)
  } finally {
    releaseGroup(kernel, group)
  }
}

/**
 * Opens the device's group, which one process at a time can: whoever has the device open, or a mapping of it, has the
 * group, and while we have it nobody else can come in. A check of /proc alone would leave a moment for that. Returns the
 * descriptor, or null for a device without a group node.
 */
function holdGroup(kernel: Kernel, device: MdevDevice): number | null {
  const { node, deviceNode } = device
  if (node === null) return null
  let group: number
  try {
    group = kernel.open(node, 'rw')
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENXIO', 'ENODEV')) return null
    if (failedWith(error, 'EBUSY')) throw deviceBusy(kernel, device, node, error)
    throw removalFailed(device, error)
  }
  // Until it is bound to an iommufd, an open node of the device leaves the group free; the removal waits for it too.
  if (deviceNode !== null && findDeviceUsers(kernel.files, new Set([deviceNode])).size > 0) {
    kernel.close(group)
    throw deviceBusy(kernel, device, deviceNode)
  }
  return group
}

function releaseGroup(kernel: Kernel, group: number | null): void {
  if (group !== null) kernel.close(group)
}

function deviceBusy(kernel: Kernel, device: MdevDevice, path: string, cause?: unknown): VfioError {
  const { uuid } = device
  const nodes = nodesOf(device)
  const users = usersOfAny(findDeviceUsers(kernel.files, new Set(nodes)), nodes)
  return new VfioError('DEVICE_BUSY', `cannot stop ${uuid}: ${holders(users, kernel.pid)} holds it open`, {
    cause,
    path,
    hint: 'shut down the virtual machine or end the process that uses it, then stop again',
    facts: { uuid, users: users.map(({ pid, command }) => ({ pid, command })) },
  })
}

function holders(users: readonly DeviceUser[], self: number): string {
  if (users.length === 0) return 'a process that we may not look into'
  return users.map(({ pid, command }) => `${pid === self ? 'this process' : command} (pid ${pid})`).join(', ')
}

function removalFailed({ uuid }: MdevDevice, cause: unknown): VfioError {
  const denied = failedWith(cause, 'EACCES', 'EPERM')
  return new VfioError(
    denied ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED',
    `cannot stop ${uuid}: ${kernelAnswer(cause)}`,
    {
      cause,
      hint: denied ? 'only root may: sudo vfioctl stop …' : 'dmesg | tail, for what the driver says',
      facts: { uuid },
    },
  )
}
