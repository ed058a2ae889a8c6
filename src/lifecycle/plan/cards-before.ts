import { boundDriver } from '../../host/group-members.ts'
import { pciPath } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { type ModesBefore, modesNow } from '../gpu-modes/take-modes-back.ts'
import { isPlannedDevice, type PlanItem, type PlannedGpuModes, type PlannedSriov } from '../wanted/plan.ts'

/** The cards of which a plan changes modes, each as it was before the plan's first step to it. */
export class CardsBefore {
  readonly #kernel: Kernel
  /** Null before the first step. */
  readonly #before = new Map<string, ModesBefore | null>()

  constructor(kernel: Kernel, items: readonly PlanItem[]) {
    this.#kernel = kernel
    if (!kernel.runsPrograms) return
    for (const item of items) if (isOfCard(item) && item.kind === 'gpu-modes') this.#before.set(item.device, null)
  }

  /** Reads the card of an item that is about to be carried out, unless it is known, or the card tells nothing now. */
  async read({ device: card }: PlannedGpuModes | PlannedSriov): Promise<void> {
    if (this.#before.get(card) !== null) return
    const { files } = this.#kernel
    // sriov-manage was killed: without its driver, nvidia-smi knows nothing of it
    const isSilent = isHalfConfigured(files, card) && boundDriver(files, `${pciPath(card)}/driver`) !== 'nvidia'
    if (isSilent) this.#before.delete(card)
    else this.#before.set(card, await modesNow(this.#kernel, card))
  }

  /** Null if the plan changes no modes of it, or they were not told. */
  of(card: string): ModesBefore | null {
    return this.#before.get(card) ?? null
  }
}

/** True for an item that changes a card as such: its modes, or its functions. */
export function isOfCard(item: PlanItem): item is PlannedGpuModes | PlannedSriov {
  return !isPlannedDevice(item) && (item.kind === 'gpu-modes' || item.kind === 'sriov')
}
