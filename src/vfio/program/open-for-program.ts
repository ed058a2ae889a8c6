import { VfioError } from '../../base/errors.ts'
import { type DeviceAddress, findDeviceNode, hasIommufd, isNoiommuGroup } from '../../host/device-node.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { closeInOrder, orClose } from '../calls/close-in-order.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { openContainer } from '../group/container.ts'
import { openGroup } from '../group/group.ts'
import { countByProcess, openIommufd } from '../iommu/iommufd.ts'
import { openNode } from '../iommu/iommufd-device.ts'
import type { PassedDescriptors } from '../iommu/passed-descriptors.ts'

/** The nodes that a program is given: each device's own with iommufd, or the devices' groups with a container. */
export type PassedNodes = 'iommufd' | 'group'

/** Descriptors for a program, and the numbers that they have there. Closing closes those of this process. */
export interface OpenedForProgram {
  readonly passed: PassedDescriptors
  /** In the program's order, from `first` on. */
  readonly descriptors: readonly number[]
  close(): void
}

/** After stdin, stdout and stderr. */
export const firstPassed = 3

/** iommufd if the host has it and each of the devices a node of its own, else their groups. */
export function bestNodes({ files }: Kernel, devices: readonly DeviceAddress[]): PassedNodes {
  return hasIommufd(files) && devices.every((device) => findDeviceNode(files, device) !== null) ? 'iommufd' : 'group'
}

/**
 * Opens devices for a program. iommufd is told to count locked memory by process, unless this process may not: then it
 * is no other user's. NOT_SUPPORTED for a device without an IOMMU, and as the nodes are opened.
 */
export function openForProgram(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  nodes: PassedNodes,
  first: number = firstPassed,
): OpenedForProgram {
  for (const device of devices) checkTranslated(kernel, device)
  const opened: Descriptor[] = []
  const close = () => closeInOrder([...opened].reverse())
  const add = (descriptor: Descriptor): number => first - 1 + opened.push(descriptor)
  return orClose([{ close }], () => {
    const passed = nodes === 'iommufd' ? openNodes(kernel, devices, add) : openGroups(kernel, devices, add)
    return { passed, descriptors: opened.map(({ fd }) => fd), close }
  })
}

function openNodes(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  add: (descriptor: Descriptor) => number,
): PassedDescriptors {
  const opened = openIommufd(kernel)
  const iommufd = add(opened)
  if (kernel.files.uid === 0) countByProcess(opened)
  const numbers = devices.map((device) => [device.name, add(openNode(kernel, device, false))] as const)
  return { iommufd, devices: Object.fromEntries(numbers) }
}

function openGroups(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  add: (descriptor: Descriptor) => number,
): PassedDescriptors {
  const container = add(openContainer(kernel).descriptor)
  const numbers = groupsOf(devices).map((group) => [group, add(openGroup(kernel, group).descriptor)] as const)
  return { container, groups: Object.fromEntries(numbers) }
}

/** The IOMMU groups of devices, each once. NOT_SUPPORTED for a device that is in none. */
export function groupsOf(devices: readonly DeviceAddress[]): number[] {
  return [...new Set(devices.map((device) => groupOf(device)))]
}

function groupOf({ group, name }: DeviceAddress): number {
  if (group !== null) return group
  throw new VfioError('NOT_SUPPORTED', `${name} is in no IOMMU group, so no group of it can be passed`, {
    hint: 'leave out --group',
    facts: { device: name },
  })
}

/** Only who has CAP_SYS_RAWIO may open one, or use it. */
function checkTranslated({ files }: Kernel, device: DeviceAddress): void {
  const isNoiommu =
    findDeviceNode(files, device)?.noiommu === true || (device.group !== null && isNoiommuGroup(files, device.group))
  if (!isNoiommu) return
  throw new VfioError(
    'NOT_SUPPORTED',
    `${device.name} has no IOMMU: whoever has it can reach all memory, as root can`,
    {
      hint: 'turn the IOMMU on in the firmware and by intel_iommu=on or amd_iommu=on',
      facts: { device: device.name },
    },
  )
}
