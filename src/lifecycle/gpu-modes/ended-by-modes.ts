import type { PciAddress } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isMigBacked } from '../device/mig.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { list } from '../kinds/list.ts'
import { type GpuModes, modesInWords } from '../settings/gpu-modes.ts'

/** Sentences that say what a card's new modes end: modes that were kept, and vGPUs that are defined for others. */
export function endedByModes(files: HostFiles, card: PciAddress, kept: GpuModes, modes: GpuModes): string[] {
  const cuts = isCut(modes)
  const ended = [
    ...(isCut(kept) && !cuts ? modesInWords({ mig: kept.mig ?? [] }) : []),
    ...(cuts && kept.heterogeneous === true ? modesInWords({ heterogeneous: true }) : []),
  ]
  const lost = definedOtherwise(files, card, modes).map(({ name, typeName }) => `${name} (${typeName})`)
  const way = cuts ? 'MIG mode' : 'a GPU without MIG mode'
  return [
    ...(ended.length === 0 ? [] : [`${card} had ${ended.join(', ')} kept, which that ends`]),
    ...(lost.length === 0 ? [] : [`defined vGPUs do not start in ${way}: ${lost.join(', ')}`]),
  ]
}

/** vGPUs that are defined on a card and whose types it does not offer in such modes; none if nothing is said of MIG. */
export function definedOtherwise(files: HostFiles, card: PciAddress, modes: GpuModes): VirtualDevice[] {
  if (modes.mig === undefined) return []
  const { devices } = list(files, { parent: card, defined: true })
  return devices.filter(({ typeName }) => typeName !== null && isMigBacked({ name: typeName }) !== isCut(modes))
}

function isCut({ mig = [] }: GpuModes): boolean {
  return mig.length > 0
}
