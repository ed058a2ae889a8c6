import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import { identifyPassed, type PassedFile } from '../../host/passed-file.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { DeviceAddressSpace } from '../address-space/attachment.ts'
import { orClose } from '../calls/close-in-order.ts'
import { Descriptor, isHeld } from '../calls/descriptor.ts'
import { type ContainerPath, containerOf } from '../group/container.ts'
import { spaceOfContainer, spaceOfGroup } from '../group/open-groups.ts'
import { adoptIommufd, allocateIoas, hasOpenIommufd, isOpenIommufd } from './iommufd.ts'
import { IommufdAddressSpace } from './iommufd-address-space.ts'
import { type AddressSpaceOptions, openAddressSpace, type1Of } from './open-address-space.ts'

/**
 * Descriptors that somebody else opened, as `vfioctl run` hands them to a program without rights on any node. Each is
 * checked to be what is said. Those that a device needs are then its host's, which closes each once: with the last
 * device that needs it, or if opening the device fails. The others stay the caller's; so do all if one is not what is
 * said.
 */
export interface PassedDescriptors {
  /** Of /dev/iommu, for devices by their own nodes. If absent, it is opened, unless the host has it open. */
  readonly iommufd?: number
  /** Of devices' own nodes (/dev/vfio/devices/vfioN), by the devices' names: { '0000:3b:00.0': 4 }. */
  readonly devices?: Readonly<Record<string, number>>
  /** Of /dev/vfio/vfio, or of /dev/iommu in its place, for groups. If absent, /dev/vfio/vfio is opened. */
  readonly container?: number
  /** Of groups' nodes (/dev/vfio/N), by the groups' numbers: { 12: 4 }. */
  readonly groups?: Readonly<Record<number, number>>
}

/** An address space, and the descriptor by which a device comes into it. */
export interface Taken {
  readonly space: DeviceAddressSpace
  /** Made for this device alone. */
  readonly isOwn: boolean
  /** The device's own node, or its group's; null if the group is in the address space already. */
  readonly descriptor: Descriptor | null
}

interface Place extends AddressSpaceOptions {
  readonly addressSpace?: DeviceAddressSpace
}

/**
 * Takes over what a device needs of the descriptors that were passed. Throws NOT_FOUND if none of it is the device's,
 * INVALID_ARGUMENT if one is not what is said, DEVICE_BUSY if the host has it already.
 */
export function takePassed(kernel: Kernel, address: DeviceAddress, passed: PassedDescriptors, place: Place): Taken {
  const { group, name } = address
  const { devices = {}, groups = {} } = passed
  const device = Object.hasOwn(devices, name) ? devices[name] : undefined
  if (device !== undefined) return takeDevice(kernel, address, device, passed, place)
  const its = group !== null && Object.hasOwn(groups, group) ? groups[group] : undefined
  if (its !== undefined && group !== null) return takeGroup(kernel, { group, name }, its, passed, place)
  throw new VfioError('NOT_FOUND', `cannot open ${name}: no descriptor of it or of its group was passed`, {
    hint: 'vfioctl run --help',
    facts: { device: name, group, devices: Object.keys(devices), groups: Object.keys(groups) },
  })
}

function takeDevice(
  kernel: Kernel,
  { group, name }: DeviceAddress,
  fd: number,
  { iommufd }: PassedDescriptors,
  { iommu, addressSpace }: Place,
): Taken {
  const shared = addressSpace ?? (group === null ? null : spaceOfGroup(kernel, group))
  const mode = shared?.mode ?? iommu ?? 'iommufd'
  if (mode !== 'iommufd') throw notThat(fd, `the node of ${name}`, `a device of IOMMU mode ${mode} is not opened by it`)
  check(kernel, fd, `the node of ${name}`, (it) => it.kind === 'device' && it.name === name && !it.noiommu)
  checkFree(kernel, fd)
  const isNew = shared === null && iommufd !== undefined && !isOpenIommufd(kernel, iommufd)
  if (isNew) {
    check(kernel, iommufd, '/dev/iommu', ({ kind }) => kind === 'iommufd')
    checkFree(kernel, iommufd)
    if (hasOpenIommufd(kernel)) throw notThat(iommufd, 'the iommufd of this host', 'it has another one open')
  }
  const descriptor = new Descriptor(kernel, fd, `device ${name}`)
  return orClose([descriptor], () => {
    if (shared !== null) return { space: shared, isOwn: false, descriptor }
    const ioas = isNew ? adoptIommufd(new Descriptor(kernel, iommufd, 'iommufd')) : allocateIoas(kernel)
    return { space: new IommufdAddressSpace(ioas), isOwn: true, descriptor }
  })
}

function takeGroup(
  kernel: Kernel,
  { group, name }: { readonly group: number; readonly name: string },
  fd: number,
  { container }: PassedDescriptors,
  { iommu, addressSpace }: Place,
): Taken {
  const joined = spaceOfGroup(kernel, group)
  const shared = addressSpace ?? joined ?? (container === undefined ? null : spaceOfContainer(kernel, container))
  const wanted = shared?.mode ?? iommu
  if (wanted === 'iommufd' || wanted === 'noiommu') {
    throw notThat(fd, `group ${group}`, `a device of IOMMU mode ${wanted} is not opened by it`)
  }
  check(kernel, fd, `group ${group}`, (it) => it.kind === 'group' && it.group === group && !it.noiommu)
  if (joined === null) checkFree(kernel, fd)
  else if (!isHeld(kernel, fd)) throw busy(`group ${group} of ${name} is open in this host already`)
  const path = shared !== null || container === undefined ? null : containerPath(kernel, container)
  if (path !== null && wanted !== undefined && wanted.startsWith('compat-') !== (path === '/dev/iommu')) {
    throw notThat(container ?? -1, `a container of IOMMU mode ${wanted}`, `it is ${path}`)
  }
  const descriptor = joined === null ? new Descriptor(kernel, fd, `group ${group}`) : null
  return orClose(descriptor === null ? [] : [descriptor], () => {
    if (shared !== null) return { space: shared, isOwn: false, descriptor }
    if (path === null || container === undefined) {
      return { space: openAddressSpace(kernel, { iommu: iommu ?? 'type1v2' }), isOwn: true, descriptor }
    }
    const opened = containerOf(new Descriptor(kernel, container, 'the container'), path)
    const types = wanted === undefined ? (['type1v2', 'type1'] as const) : [typeOf(wanted)]
    return { space: type1Of(opened, path, types), isOwn: true, descriptor }
  })
}

function typeOf(mode: string): 'type1v2' | 'type1' {
  return mode.endsWith('v2') ? 'type1v2' : 'type1'
}

function containerPath(kernel: Kernel, fd: number): ContainerPath {
  const { kind } = check(kernel, fd, '/dev/vfio/vfio', (it) => it.kind === 'container' || it.kind === 'iommufd')
  checkFree(kernel, fd)
  return kind === 'iommufd' ? '/dev/iommu' : '/dev/vfio/vfio'
}

function check(kernel: Kernel, fd: number, expected: string, isExpected: (it: PassedFile) => boolean): PassedFile {
  let found: PassedFile | null
  try {
    found = identifyPassed(kernel, fd)
  } catch (error) {
    if (failedWith(error, 'EBADF')) throw notThat(fd, expected, 'it is not open', error)
    throw error
  }
  if (found !== null && isExpected(found)) return found
  throw notThat(fd, expected, found === null ? 'it is no file of VFIO or iommufd' : `it is ${shown(found)}`)
}

/** DEVICE_BUSY for a descriptor that the host itself opened, or took over before. */
function checkFree(kernel: Kernel, fd: number): void {
  if (isHeld(kernel, fd)) throw busy(`descriptor ${fd} is in use by this host already`)
}

function busy(message: string): VfioError {
  return new VfioError('DEVICE_BUSY', message, {
    hint: 'close the device that has it, or open this one in its addressSpace',
  })
}

function notThat(fd: number, expected: string, because: string, cause?: unknown): VfioError {
  return new VfioError('INVALID_ARGUMENT', `descriptor ${fd} is not ${expected}: ${because}`, {
    hint: `readlink /proc/self/fd/${fd}`,
    facts: { descriptor: fd },
    ...(cause === undefined ? {} : { cause }),
  })
}

function shown(file: PassedFile): string {
  switch (file.kind) {
    case 'container':
      return '/dev/vfio/vfio'
    case 'iommufd':
      return '/dev/iommu'
    case 'group':
      return `${file.noiommu ? 'a group without an IOMMU, ' : ''}group ${file.group}`
    case 'device':
      return `the node of ${printable(file.name)}${file.noiommu ? ', which has no IOMMU' : ''}`
  }
}
