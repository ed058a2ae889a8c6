import { VfioError } from '../../errors.ts'
import { pciPath } from '../../host/sriov.ts'
import { readVgpuFunction } from '../../host/vgpu-functions.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { PciAddress } from '../../units.ts'
import type { Change, ChangeOptions } from '../change.ts'
import { checkNotHeld } from '../hold-device.ts'
import { withLock } from '../lock.ts'
import { type VgpuIdentity, vgpuIdentity } from '../virtual-device.ts'
import { readVgpuDefinition } from './definitions.ts'
import { clearStep, clearVgpu, heldVgpu } from './function-writes.ts'
import { findVgpuPlace } from './place.ts'

/**
 * Ends a vGPU; its definition stays, and the function can be made another. One without a type is no change. DEVICE_BUSY,
 * with who holds it, where a process has it open.
 */
export async function stopVgpu(
  kernel: Kernel,
  address: PciAddress,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  const dryRun = options.dryRun === true
  const none = { ...vgpuIdentity(address), type: null, changed: false, dryRun, steps: [] }
  const defined = readVgpuFunction(files, address) === null ? readVgpuDefinition(files, address) : null
  // its card has no virtual functions now
  if (defined !== null) return { ...none, parent: defined.parent }
  const { card } = findVgpuPlace(files, address)
  const run = async (): Promise<Change<VgpuIdentity>> => {
    const vgpu = readVgpuFunction(files, address)
    if (vgpu === null) throw notOne(address)
    if (vgpu.type === 0) return { ...none, parent: card }
    if (dryRun) checkNotHeld(kernel, heldVgpu(vgpu, `cannot stop ${address}`))
    else await clearVgpu(kernel, vgpu)
    const type = vgpu.type === null ? null : String(vgpu.type)
    return { ...none, parent: card, type, changed: true, steps: [clearStep(address)] }
  }
  return dryRun ? run() : withLock(kernel, pciPath(card), run, options)
}

/** A card is named by the same kind of address as what is made of it. */
function notOne(card: PciAddress): VfioError {
  return new VfioError('INVALID_ARGUMENT', `${card} is a card, and its vGPUs are its virtual functions`, {
    hint: `vfioctl list -p ${card}`,
    facts: { card },
  })
}
