import { VfioError } from '../../../base/errors.ts'
import { pciAddressOrNull } from '../../../base/units.ts'
import { groupMembers } from '../../../host/group-members.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { type OwnerStep, ownerSteps } from '../../device/node-owner.ts'
import { type NodeOwner, nodeOwners } from '../../settings/node-owners.ts'
import { readVgpuFunction, type VgpuFunction } from './vgpu-functions.ts'

/** As the kernel makes nodes. */
const root: NodeOwner = { user: '0', group: '0', mode: '0600' }

/**
 * The nodes that open a function: its IOMMU group's and its own. They are the function's, with a type or without, and
 * outlive what is made of it. NOT_SUPPORTED if VFIO has none for it.
 */
export function ownedNodes({ address, group, node, deviceNode }: VgpuFunction): string[] {
  const nodes = [node, deviceNode].filter((it) => it !== null)
  if (nodes.length > 0) return nodes
  const why =
    group === null
      ? 'it has no IOMMU group'
      : `its driver gives VFIO nothing: there is neither /dev/vfio/${group} nor ${pciPath(address)}/vfio-dev`
  throw new VfioError('NOT_SUPPORTED', `${address} has no node in /dev/vfio that could be given to anybody: ${why}`, {
    hint: `leave \`owner\` out; ls -l /dev/vfio ${pciPath(address)}/vfio-dev; dmesg | tail`,
    facts: { device: address, group },
  })
}

/**
 * The steps that give them back once the vGPU has ended, so that the next one's are not the last one's owner's. The
 * node of an IOMMU group with other vGPUs stays with the owner of one of those.
 */
export function giveBackSteps(files: HostFiles, vgpu: VgpuFunction): OwnerStep[] {
  const { address, node, deviceNode } = vgpu
  if (files.kind(nodeOwners.path(address)) === null) return []
  return [
    ...(node === null ? [] : ownerSteps(files, [node], ownerOfOther(files, vgpu) ?? root)),
    ...(deviceNode === null ? [] : ownerSteps(files, [deviceNode], root)),
  ]
}

function ownerOfOther(files: HostFiles, { address, group }: VgpuFunction): NodeOwner | null {
  if (group === null) return null
  for (const { name } of groupMembers(files, group)) {
    const other = pciAddressOrNull(name)
    if (other === null || other === address || (readVgpuFunction(files, other)?.type ?? 0) === 0) continue
    const owner = nodeOwners.readOrNone(files, other)
    if (owner === null) continue
    const { user, group: its, mode } = owner
    return { user: user ?? root.user, group: its ?? root.group, mode: mode ?? root.mode }
  }
  return null
}
