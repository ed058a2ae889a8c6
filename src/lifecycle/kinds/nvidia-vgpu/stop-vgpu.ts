import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions, Step } from '../../change/change.ts'
import { checkNotHeld } from '../../device/device-lock.ts'
import { giveNodes } from '../../device/node-owner.ts'
import { withLock } from '../../files/lock.ts'
import { nodeOwners } from '../../settings/node-owners.ts'
import { withSettingsLock } from '../../settings/settings.ts'
import { vgpuDefinitions } from './definitions.ts'
import { clearStep, clearVgpu, heldVgpu } from './function-writes.ts'
import { findVgpuPlace } from './place.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import { type VgpuIdentity, vgpuIdentity } from './vgpu-identity.ts'
import { giveBackSteps } from './vgpu-nodes.ts'

/**
 * Ends a vGPU; its definition stays, and the function can be made another. Its nodes are root's again if they were
 * given to somebody. One without a type is no change. DEVICE_BUSY, with who holds it, if a process has it open.
 */
export async function stopVgpu(
  kernel: Kernel,
  address: PciAddress,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  const dryRun = options.dryRun === true
  const none = { ...vgpuIdentity(address), type: null, changed: false, dryRun, steps: [] }
  const defined = readVgpuFunction(files, address) === null ? vgpuDefinitions.read(files, address) : null
  // its card has no virtual functions now
  if (defined !== null) return { ...none, parent: defined.parent }
  const { card } = findVgpuPlace(files, address)
  const run = async (): Promise<Change<VgpuIdentity>> => {
    const vgpu = readVgpuFunction(files, address)
    if (vgpu === null) throw notOne(address)
    if (vgpu.type === 0) return { ...none, parent: card }
    const steps = stopSteps(files, address)
    if (dryRun) checkNotHeld(kernel, heldVgpu(vgpu, `cannot stop ${address}`))
    else {
      await clearVgpu(kernel, vgpu)
      giveNodes(files, giveBackSteps(files, vgpu))
      if (forgetsOwner(files, address)) {
        await withSettingsLock(kernel, () => nodeOwners.delete(files, address), options)
      }
    }
    const type = vgpu.type === null ? null : String(vgpu.type)
    return { ...none, parent: card, type, changed: true, steps }
  }
  return dryRun ? run() : withLock(kernel, pciPath(card), run, options)
}

/** The steps that stop a vGPU. */
export function stopSteps(files: HostFiles, address: PciAddress): Step[] {
  const vgpu = readVgpuFunction(files, address)
  return [
    clearStep(address),
    ...(vgpu === null ? [] : giveBackSteps(files, vgpu)),
    ...(forgetsOwner(files, address) ? [{ action: 'delete' as const, path: nodeOwners.path(address) }] : []),
  ]
}

/** Nothing will start it again, and who has the nodes was kept for what runs. */
function forgetsOwner(files: HostFiles, address: PciAddress): boolean {
  return files.kind(nodeOwners.path(address)) !== null && files.kind(vgpuDefinitions.settings.path(address)) === null
}

/** A card is named by the same kind of address as what is made of it. */
function notOne(card: PciAddress): VfioError {
  return new VfioError('INVALID_ARGUMENT', `${card} is a card, and its vGPUs are its virtual functions`, {
    hint: `vfioctl list -p ${card}`,
    facts: { card },
  })
}
