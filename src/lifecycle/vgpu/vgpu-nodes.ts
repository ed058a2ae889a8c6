import { VfioError } from '../../errors.ts'
import { pciPath } from '../../host/sriov.ts'
import type { VgpuFunction } from '../../host/vgpu-functions.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type OwnerStep, ownerSteps } from '../node-owner.ts'
import { type NodeOwner, nodeOwners } from '../settings/node-owners.ts'

/** As the kernel makes nodes. */
const root: NodeOwner = { user: '0', group: '0', mode: '0600' }

/**
 * The nodes that open a function: its IOMMU group's and its own. They are the function's, with a type or without, and
 * outlive what is made of it. NOT_SUPPORTED where VFIO has none for it.
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

/** What gives them back once the vGPU has ended, so that the next one's are not the last one's owner's. */
export function giveBackSteps(files: HostFiles, vgpu: VgpuFunction): OwnerStep[] {
  const isGiven = files.kind(nodeOwners.path(vgpu.address)) !== null
  const nodes = [vgpu.node, vgpu.deviceNode].filter((it) => it !== null)
  return isGiven ? ownerSteps(files, nodes, root) : []
}
