import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, pciAddressOrNull } from '../../../base/units.ts'
import { boundDriver } from '../../../host/group-members.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import { type GpuState, readGpuState } from '../../gpu-modes/gpu-state.ts'
import { areModesOfCard } from '../../gpu-modes/keep-modes.ts'
import { gpuModeSettings } from '../../settings/gpu-modes-schema.ts'

/**
 * The modes of NVIDIA's cards of which some are kept, as nvidia-smi tells them. A card is left out of which it tells
 * none: without a driver, below another root, or if the tool fails.
 */
export async function keptGpuStates(kernel: Kernel): Promise<ReadonlyMap<PciAddress, GpuState>> {
  const { files } = kernel
  const states = new Map<PciAddress, GpuState>()
  for (const { name, value } of gpuModeSettings.list(files).settings) {
    const card = pciAddressOrNull(name)
    if (card === null || !areModesOfCard(files, card, value)) continue
    if (boundDriver(files, `${pciPath(card)}/driver`) === null) continue
    try {
      states.set(card, await readGpuState(kernel, card))
    } catch (error) {
      if (!(error instanceof VfioError)) throw error
    }
  }
  return states
}
