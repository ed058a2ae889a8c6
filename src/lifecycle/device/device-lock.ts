import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { isSelfOrAncestor } from '../../host/ancestors.ts'
import {
  type DeviceUser,
  findDeviceUsers,
  hasVfioDeviceOpen,
  shownUsers,
  userFacts,
  usersOfAny,
} from '../../host/device-users.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'

/** A device that nobody may have while it is changed. */
export interface HeldDevice {
  readonly name: string
  /** Its group's node and its own, as far as there are any. */
  readonly node: string | null
  readonly deviceNode: string | null
  /** The failed attempt, for the message: 'cannot stop UUID'. */
  readonly attempt: string
  /**
   * A process that has asked us to, perhaps for one that began it, and meanwhile keeps others out itself: that it has
   * the group is no obstacle, as long as it has no device.
   */
  readonly keeper?: number | undefined
}

/** DEVICE_BUSY, with who holds it, if a process has the device open. */
export function checkNotHeld(kernel: Kernel, device: HeldDevice): void {
  releaseGroup(kernel, holdGroup(kernel, device))
}

/** Runs `work` while nobody else can open the device. DEVICE_BUSY if somebody has it open. */
export async function withDeviceLock(kernel: Kernel, device: HeldDevice, work: () => Promise<void>): Promise<void> {
  const group = holdGroup(kernel, device)
  try {
    await work()
  } finally {
    releaseGroup(kernel, group)
  }
}

/**
 * Opens the device's group, which one process at a time can: whoever has the device open, or a mapping of it, has the
 * group, and while we have it nobody else can come in. A check of /proc alone would leave a moment for that. Returns
 * the descriptor, or null for a device without a group node (a kernel may have devices' own alone).
 */
function holdGroup(kernel: Kernel, device: HeldDevice): number | null {
  const { name, node, deviceNode } = device
  const group = node === null ? null : openGroup(kernel, device, node)
  // Until it is bound to an iommufd, an open node of the device leaves the group free; the removal waits for it too.
  const own = [deviceNode, name].filter((it) => it !== null)
  if (findDeviceUsers(kernel.files, new Set(own)).size > 0) {
    releaseGroup(kernel, group)
    throw deviceBusy(kernel, device, deviceNode ?? node ?? name)
  }
  return group
}

/** Null if the node is gone, or the keeper has it. */
function openGroup(kernel: Kernel, device: HeldDevice, node: string): number | null {
  try {
    return kernel.open(node, 'rw')
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENXIO', 'ENODEV')) return null
    if (failedWith(error, 'EBUSY')) {
      if (isKept(kernel, node, device.keeper)) return null
      throw deviceBusy(kernel, device, node, error)
    }
    throw refusedByKernel(`${device.attempt}: ${node} cannot be opened`, error, {
      hint: `ls -l ${node}`,
      facts: { device: device.name },
    })
  }
}

function isKept({ files }: Kernel, node: string, keeper: number | undefined): boolean {
  if (keeper === undefined) return false
  const users = findDeviceUsers(files, new Set([node])).get(node) ?? []
  const isKeeper = ({ pid }: DeviceUser) => isSelfOrAncestor(files, pid, keeper) && !hasVfioDeviceOpen(files, pid)
  return users.length > 0 && users.every(isKeeper)
}

function releaseGroup(kernel: Kernel, group: number | null): void {
  if (group !== null) kernel.close(group)
}

function deviceBusy(kernel: Kernel, device: HeldDevice, path: string, cause?: unknown): VfioError {
  const names = [device.node, device.deviceNode, device.name].filter((name) => name !== null)
  const users = usersOfAny(findDeviceUsers(kernel.files, new Set(names)), names)
  return new VfioError('DEVICE_BUSY', `${device.attempt}: ${holders(users, kernel.pid)} holds it open`, {
    cause,
    path,
    hint: 'shut down the virtual machine or end the process that uses it, then try again',
    facts: { device: device.name, users: userFacts(users) },
  })
}

function holders(users: readonly DeviceUser[], self: number): string {
  if (users.length === 0) return 'a process that we may not look into'
  return shownUsers(users.map((user) => (user.pid === self ? { ...user, command: 'this process' } : user)))
}
