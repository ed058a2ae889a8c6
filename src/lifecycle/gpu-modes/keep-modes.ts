import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { isNvidiaGpu } from '../../host/nvidia-gpu.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import type { GpuModes, KeptGpuModes } from '../settings/gpu-modes.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'

/** The steps that keep modes for a card's next boots; none if they are kept. */
export function keepModesSteps(files: HostFiles, card: PciAddress, modes: GpuModes): Step[] {
  const content = gpuModeSettings.format(modesToKeep(files, card, modes))
  const stored = gpuModeSettings.readOrNone(files, card)
  if (stored !== null && gpuModeSettings.format(stored) === content) return []
  return [{ action: 'save', path: gpuModeSettings.path(card), content }]
}

/** Under the lock of settings. */
export function keepModes(files: HostFiles, card: PciAddress, modes: GpuModes): void {
  gpuModeSettings.save(files, card, modesToKeep(files, card, modes))
}

/** Modes as their file has them. NOT_SUPPORTED for a card that is not NVIDIA's. */
export function modesToKeep(files: HostFiles, card: PciAddress, { heterogeneous, mig }: GpuModes): KeptGpuModes {
  const { vendor, device } = readPciIds(files, card, [])
  if (vendor === null || device === null || !isNvidiaGpu(files, card)) {
    throw new VfioError('NOT_SUPPORTED', `${card} has no modes for vGPUs: it is no GPU of NVIDIA's`, {
      hint: `lspci -nns ${card}`,
      facts: { card },
    })
  }
  return {
    ...(heterogeneous === undefined ? {} : { heterogeneous }),
    ...(mig === undefined ? {} : { mig }),
    vendor,
    device,
  }
}

/**
 * Modes that are asked for, and those that were kept before of which nothing is said. GPU instances and mixed sizes
 * exclude each other: the one asked for ends the other. INVALID_ARGUMENT for both.
 */
export function mergedModes(kept: GpuModes, asked: GpuModes): GpuModes {
  const cuts = (asked.mig ?? []).length > 0
  if (cuts && asked.heterogeneous === true) {
    throw new VfioError('INVALID_ARGUMENT', 'GPU instances (MIG) and mixed sizes exclude each other', {
      hint: '--mig off beside --heterogeneous on',
    })
  }
  const heterogeneous = asked.heterogeneous ?? (cuts ? undefined : kept.heterogeneous)
  const mig = asked.mig ?? (asked.heterogeneous === true ? [] : kept.mig)
  return { ...(heterogeneous === undefined ? {} : { heterogeneous }), ...(mig === undefined ? {} : { mig }) }
}

/** Addresses move when cards do. */
export function areModesOfCard(files: HostFiles, card: PciAddress, kept: KeptGpuModes): boolean {
  const { vendor, device } = readPciIds(files, card, [])
  return vendor === kept.vendor && device === kept.device
}

/** Modes that are kept for a card: none if they are for another one that was there. */
export function keptModes(files: HostFiles, card: PciAddress): GpuModes {
  const kept = gpuModeSettings.readOrNone(files, card)
  if (kept === null || !areModesOfCard(files, card, kept)) return {}
  const { vendor: _, device: __, ...modes } = kept
  return modes
}
