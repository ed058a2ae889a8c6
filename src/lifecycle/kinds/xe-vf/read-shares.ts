import { errnoNumber } from '../../../base/errno.ts'
import { failedWith, isSystemError } from '../../../base/system-error.ts'
import { type PciAddress, printable } from '../../../base/units.ts'
import { functionNumber, type SriovNumbers } from '../../../host/sriov.ts'
import { unreadable, type Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { type GpuShares, sharePriorities } from '../../device/gpu-shares.ts'
import { adminPath } from './xe-cards.ts'

/** Files of a function's `profile`. */
export type ShareFile = 'vram_quota' | 'exec_quantum_ms' | 'preempt_timeout_us' | 'sched_priority'

/** A function's shares as its card tells them. */
export interface XeShares extends GpuShares {
  /** The kernel shares this card's VRAM. */
  readonly hasVram: boolean
  /** A file that says nothing readable, as if the tiles of the card differ (EUCLEAN); null if all is known. */
  readonly unclear: ShareFile | null
}

/** The folder with the shares of a function, which `sriov_admin` counts from 1 on. */
export function profilePath(files: HostFiles, card: SriovNumbers, address: PciAddress): string {
  return `${adminPath(card.address)}/vf${functionNumber(files, card, address) ?? 0}/profile`
}

/** The path of the file that gives all functions of a card the same. */
export function bulkPath(card: PciAddress, file: ShareFile): string {
  return `${adminPath(card)}/.bulk_profile/${file}`
}

/** Shares of a function, whether it is there or not. What says nothing readable is a warning, and `unclear`. */
export function readShares(
  files: HostFiles,
  card: SriovNumbers,
  address: PciAddress,
  warnings: Warning[] = [],
): XeShares {
  const profile = profilePath(files, card, address)
  let unclear: ShareFile | null = null
  const read = <T>(file: ShareFile, none: T, parse: (text: string) => T | null): T => {
    const path = `${profile}/${file}`
    try {
      const text = files.read(path).trim()
      const value = parse(text)
      if (value !== null) return value
      warnings.push({ path, message: `says '${printable(text)}', which is no share` })
    } catch (error) {
      if (failedWith(error, 'ENOENT', 'ENOTDIR')) return none
      warnings.push(
        isUnclean(error) ? { path, message: 'is not the same on all tiles of the card' } : unreadable(path, error),
      )
    }
    unclear ??= file
    return none
  }
  const vram = read('vram_quota', 0, numberOrNull)
  return {
    vram,
    quantumMs: read('exec_quantum_ms', 0, numberOrNull),
    timeoutUs: read('preempt_timeout_us', 0, numberOrNull),
    priority: read('sched_priority', 'low', chosenPriority),
    hasVram: files.kind(`${profile}/vram_quota`) !== null,
    unclear,
  }
}

/** By its number: Node has no name for it. */
function isUnclean(error: unknown): boolean {
  return isSystemError(error) && error.errno === -errnoNumber('EUCLEAN')
}

/** Of 32 bits, or of VRAM of 64, as far as a number holds them. */
function numberOrNull(text: string): number | null {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : null
  return value !== null && Number.isSafeInteger(value) ? value : null
}

/** The one in brackets: 'low [normal]'. */
function chosenPriority(text: string): GpuShares['priority'] | null {
  const word = /\[(\w{1,10})\]/.exec(text)?.[1]
  return sharePriorities.find((it) => it === word) ?? null
}

/** True if a function has a part of the card: of a card with VRAM a piece of that, else a limit of its time. */
export function isGiven({ hasVram, vram, quantumMs, timeoutUs }: XeShares): boolean {
  return hasVram ? vram > 0 : quantumMs > 0 || timeoutUs > 0
}
