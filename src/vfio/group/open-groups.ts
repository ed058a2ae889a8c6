import { VfioError } from '../../base/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { DeviceAddressSpace } from '../address-space/attachment.ts'
import type { Descriptor } from '../calls/descriptor.ts'

interface Owner {
  readonly space: DeviceAddressSpace
  /** The group's open node; null if its devices were opened by their own. */
  readonly node: Descriptor | null
  /** The container that it is in; null if there is none. */
  readonly container: Descriptor | null
}

/** A group's devices are all in one address space, and its node can be open once: which has it, in this process. */
const owners = new WeakMap<Kernel, Map<number, Owner>>()

/** The address space that has this group open, or null. */
export function spaceOfGroup(kernel: Kernel, group: number): DeviceAddressSpace | null {
  return owners.get(kernel)?.get(group)?.space ?? null
}

/** The address space of the container behind a descriptor, or null. */
export function spaceOfContainer(kernel: Kernel, fd: number): DeviceAddressSpace | null {
  const all = [...(owners.get(kernel)?.values() ?? [])]
  return all.find(({ container }) => container !== null && !container.closed && container.fd === fd)?.space ?? null
}

/** The group's node, if this process has it open. */
export function groupDescriptor(kernel: Kernel, group: number): Descriptor | null {
  return owners.get(kernel)?.get(group)?.node ?? null
}

/** Throws DEVICE_BUSY if another address space of this process has the group. */
export function checkGroupIsFree(space: DeviceAddressSpace, group: number): void {
  const owner = spaceOfGroup(space.kernel, group)
  if (owner === null || owner === space) return
  throw new VfioError('DEVICE_BUSY', `group ${group} is in another address space of this process`, {
    hint: 'devices of one group share an address space: open this one in it, with { addressSpace }',
    facts: { group },
  })
}

/** Remembers that an address space has the group open. */
export function claimGroup(group: number, owner: Owner): void {
  const { kernel } = owner.space
  const ofKernel = owners.get(kernel) ?? new Map<number, Owner>()
  owners.set(kernel, ofKernel.set(group, owner))
}

/** Does nothing if the group has become another address space's since. */
export function releaseGroup(group: number, space: DeviceAddressSpace): void {
  if (spaceOfGroup(space.kernel, group) === space) owners.get(space.kernel)?.delete(group)
}
