import type { PciAddress, Uuid } from '../../base/units.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { type NodeOwner, nodeOwners } from '../settings/node-owners.ts'
import { withSettingsLock } from '../settings/settings.ts'

/** True if the next start gives a device's nodes to whom the spec says; null if that says nobody. */
export function isOwnerKept(files: HostFiles, name: Uuid | PciAddress, owner: NodeOwner | null): boolean {
  const kept = nodeOwners.readOrNone(files, name)
  return owner === null || (kept !== null && nodeOwners.format(kept) === nodeOwners.format(owner))
}

/** The steps that keep a node's owner for the next boots, or forget it. */
export function keepOwnerSteps(name: Uuid | PciAddress, owner: NodeOwner | null): Step[] {
  if (owner === null) return []
  return [{ action: 'save', path: nodeOwners.path(name), content: nodeOwners.format(owner) }]
}

/** Keeps it for the next starts, or with null nobody. */
export function keepOwner(
  kernel: Kernel,
  name: Uuid | PciAddress,
  owner: NodeOwner | null,
  options: ChangeOptions,
): Promise<void> {
  const keep = () => {
    if (owner === null) nodeOwners.delete(kernel.files, name)
    else nodeOwners.save(kernel.files, name, owner)
  }
  return withSettingsLock(kernel, keep, options)
}
