import type { PciAddress } from '../../../base/units.ts'
import { pciPath, type SriovNumbers } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Write } from '../../change/change.ts'
import type { GpuShares } from '../../device/gpu-shares.ts'
import { bulkPath, profilePath, readShares, type ShareFile, type XeShares } from './read-shares.ts'

/**
 * The writes that make a function's shares what is wanted; none for what is so. VRAM comes first, after a reset (FLR),
 * as the firmware changes it only while the function is idle. The priority is that of all functions of the card.
 */
export function shareWrites(
  files: HostFiles,
  card: SriovNumbers,
  address: PciAddress,
  wanted: GpuShares,
  now: XeShares = readShares(files, card, address),
): Write[] {
  const profile = profilePath(files, card, address)
  const write = (file: ShareFile, value: number): Write => {
    return { action: 'write', path: `${profile}/${file}`, value: String(value) }
  }
  const differs = (file: ShareFile, key: keyof GpuShares) => now.unclear === file || now[key] !== wanted[key]
  const vram = now.hasVram || wanted.vram > 0 ? differs('vram_quota', 'vram') : false
  return [
    ...(vram ? [...resetSteps(files, address), write('vram_quota', wanted.vram)] : []),
    ...(differs('exec_quantum_ms', 'quantumMs') ? [write('exec_quantum_ms', wanted.quantumMs)] : []),
    ...(differs('preempt_timeout_us', 'timeoutUs') ? [write('preempt_timeout_us', wanted.timeoutUs)] : []),
    ...(differs('sched_priority', 'priority')
      ? [{ action: 'write' as const, path: bulkPath(card.address, 'sched_priority'), value: wanted.priority }]
      : []),
  ]
}

/** The reset of a function; none of one that is not there, or cannot be reset. */
function resetSteps(files: HostFiles, address: PciAddress): Write[] {
  const path = `${pciPath(address)}/reset`
  return files.kind(path) === null ? [] : [{ action: 'write', path, value: '1' }]
}

/** True if the function may not be in use while it is written. */
export function needsIdle(writes: readonly Write[]): boolean {
  return writes.some(({ path }) => path.endsWith('/vram_quota'))
}
