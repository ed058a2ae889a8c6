import { VfioError } from '../../base/errors.ts'
import {
  type DeviceAddress,
  findDeviceNode,
  hasIommufd,
  hasNoiommuNodes,
  isNoiommuGroup,
} from '../../host/device-node.ts'
import { listOrNone } from '../../host/sysfs/readable.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { IommuMode } from '../address-space/address-space.ts'
import type { DeviceAddressSpace } from '../address-space/attachment.ts'
import { orClose } from '../calls/close-in-order.ts'
import { type Container, type ContainerPath, openContainer } from '../group/container.ts'
import { allocateIoas } from './iommufd.ts'
import { IommufdAddressSpace } from './iommufd-address-space.ts'
import { NoiommuDevices, NoiommuGroups } from './noiommu-address-space.ts'
import { Type1AddressSpace, type Type1Mode } from './type1-address-space.ts'

/** The IOMMU backend of an address space. */
export interface AddressSpaceOptions {
  /** The best that this host offers unless told. */
  readonly iommu?: IommuMode
}

/**
 * Opens an address space, to be shared by the devices that are opened in it (`openDevice` with `addressSpace`). The
 * best there is: iommufd if devices have nodes of their own, else type1v2, else type1; noiommu only if it is asked for.
 * Closing it closes the devices that are still in it. Throws NOT_FOUND, NOT_SUPPORTED, PERMISSION_DENIED.
 */
export function openAddressSpace(kernel: Kernel, { iommu }: AddressSpaceOptions = {}): DeviceAddressSpace {
  switch (iommu ?? bestMode(kernel)) {
    case 'iommufd':
      return new IommufdAddressSpace(allocateIoas(kernel))
    case 'noiommu':
      return openNoiommu(kernel, hasIommufd(kernel.files) && hasNoiommuNodes(kernel.files))
    case 'type1v2':
      return openType1(kernel, '/dev/vfio/vfio', iommu === undefined ? ['type1v2', 'type1'] : ['type1v2'])
    case 'type1':
      return openType1(kernel, '/dev/vfio/vfio', ['type1'])
    case 'compat-type1v2':
      return openType1(kernel, '/dev/iommu', ['type1v2'])
    case 'compat-type1':
      return openType1(kernel, '/dev/iommu', ['type1'])
  }
}

/** The same for one device, whose kind decides. */
export function openAddressSpaceFor(
  kernel: Kernel,
  address: DeviceAddress,
  { iommu }: AddressSpaceOptions = {},
): DeviceAddressSpace {
  const node = findDeviceNode(kernel.files, address)
  const withIommufd = node !== null && hasIommufd(kernel.files)
  if (iommu === 'noiommu') return openNoiommu(kernel, withIommufd && node.noiommu)
  if (node?.noiommu === true || (address.group !== null && isNoiommuGroup(kernel.files, address.group))) {
    if (iommu === undefined) return openNoiommu(kernel, withIommufd)
    throw new VfioError('NOT_SUPPORTED', `cannot open ${address.name} with IOMMU mode ${iommu}: it has no IOMMU`, {
      hint: 'leave out iommu, or turn the IOMMU on in the firmware and by intel_iommu=on or amd_iommu=on',
      facts: { device: address.name },
    })
  }
  if (iommu !== undefined) return openAddressSpace(kernel, { iommu })
  if (withIommufd) return openAddressSpace(kernel, { iommu: 'iommufd' })
  return openType1(kernel, '/dev/vfio/vfio', ['type1v2', 'type1'])
}

function bestMode({ files }: Kernel): IommuMode {
  return hasIommufd(files) && hasDeviceNodes(files) ? 'iommufd' : 'type1v2'
}

function hasDeviceNodes(files: Kernel['files']): boolean {
  return listOrNone(files, '/dev/vfio/devices').some((name) => name.startsWith('vfio'))
}

function openNoiommu(kernel: Kernel, withIommufd: boolean): DeviceAddressSpace {
  return withIommufd ? new NoiommuDevices(allocateIoas(kernel)) : new NoiommuGroups(openContainer(kernel))
}

function openType1(kernel: Kernel, path: ContainerPath, types: readonly ('type1v2' | 'type1')[]): DeviceAddressSpace {
  return type1Of(openContainer(kernel, path), path, types)
}

/** The address space of a container that is open; closed if it offers none of the types. NOT_SUPPORTED then. */
export function type1Of(
  container: Container,
  path: ContainerPath,
  types: readonly ('type1v2' | 'type1')[],
): DeviceAddressSpace {
  const type = orClose([container], () => container.offered(types))
  const mode: Type1Mode = path === '/dev/iommu' ? `compat-${type}` : type
  return new Type1AddressSpace(container, mode)
}
