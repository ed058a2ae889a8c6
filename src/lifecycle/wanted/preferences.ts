import type { HostFiles } from '../../kernel/kernel.ts'
import { sameDefinition } from '../definition/definition.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { type NodeOwner, nodeOwners } from '../settings/node-owners.ts'
import type { SpecDevices } from './spec.ts'

/**
 * The devices that are there, in the order in which a count takes them: what runs before what is only defined, what is
 * in use before what is not, and what is as it is asked for before what would have to be changed.
 */
export const preferences: readonly ((device: VirtualDevice, fits: () => boolean) => boolean)[] = [
  ({ users }, fits) => users.length > 0 && fits(),
  ({ users }) => users.length > 0,
  ({ active }, fits) => active && fits(),
  ({ active }) => active,
  (_, fits) => fits(),
  () => true,
]

/** True if it is stored with the same attributes, start and owner; its type is looked at elsewhere. */
export function fitsAsIs(
  files: HostFiles,
  { name, definition }: VirtualDevice,
  { start, attributes, owner }: Pick<SpecDevices, 'start' | 'attributes' | 'owner'>,
): boolean {
  if (definition === null || !sameDefinition(definition, { ...definition, start, attributes })) return false
  return shown(nodeOwners.readOrNone(files, name)) === shown(owner)
}

function shown(owner: NodeOwner | null): string {
  return owner === null ? '' : nodeOwners.format(owner)
}
