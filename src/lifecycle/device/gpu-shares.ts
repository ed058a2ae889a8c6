import { bytesOrNull, formatSize } from '../../base/units.ts'

/** The part of a GPU that one of its functions has. */
export interface GpuShares {
  /** Bytes of VRAM; 0 for none, and of a GPU that has none or does not say. */
  readonly vram: number
  /** The time that it runs in a row, in milliseconds; 0 for as long as it likes. */
  readonly quantumMs: number
  /** The time after which it is stopped if it does not give way, in microseconds; 0 for never. */
  readonly timeoutUs: number
  /** `normal` has its time also while it has nothing to do. */
  readonly priority: SharePriority
}

/** Priorities that a virtual function can have. */
export type SharePriority = 'low' | 'normal'

/** Words for the priorities, the lowest first. */
export const sharePriorities: readonly ['low', 'normal'] = ['low', 'normal']

/** Shares of a function of which nothing was given. */
export const noShares: GpuShares = { vram: 0, quantumMs: 0, timeoutUs: 0, priority: 'low' }

/** In place of shares, of a function that has none. */
const unlimited = 'unlimited'

/** The firmware's most (GUC_KLV_VF_CFG_EXEC_QUANTUM_MAX_VALUE and …_PREEMPT_TIMEOUT_…): it takes more as this. */
const maxQuantumMs = 100_000
const maxTimeoutUs = 100_000_000
/** VRAM is given in pieces of 2 MiB, and more of a card with several tiles. */
const vramPiece = 2 ** 21

/**
 * Shares as one word, which stands for the type of a function: 'vram=8GiB,quantum=10ms,timeout=20ms,priority=normal'.
 */
export function formatShares({ vram, quantumMs, timeoutUs, priority }: GpuShares): string {
  const parts = [
    ...(vram === 0 ? [] : [`vram=${formatSize(vram).replace(' ', '')}`]),
    ...(quantumMs === 0 ? [] : [`quantum=${quantumMs}ms`]),
    ...(timeoutUs === 0 ? [] : [`timeout=${timeoutUs % 1000 === 0 ? `${timeoutUs / 1000}ms` : `${timeoutUs}us`}`]),
    ...(priority === 'low' ? [] : [`priority=${priority}`]),
  ]
  return parts.length === 0 ? unlimited : parts.join(',')
}

/** Shares from such a word, in any order; null for what is none. What it does not name is not given. */
export function sharesOrNull(text: string): GpuShares | null {
  if (text === unlimited) return noShares
  let shares: Partial<GpuShares> = {}
  for (const part of text.split(',', 5)) {
    const [, name = '', value = ''] = /^([a-z]+)=(.+)$/.exec(part) ?? []
    const read = Object.hasOwn(readers, name) ? readers[name]?.(value) : undefined
    if (read == null) return null
    const [key = ''] = Object.keys(read)
    if (Object.hasOwn(shares, key)) return null
    shares = { ...shares, ...read }
  }
  return { ...noShares, ...shares }
}

const readers: Readonly<Record<string, (text: string) => Partial<GpuShares> | null>> = {
  vram: (text) => wrapped('vram', vramOrNull(text)),
  quantum: (text) => wrapped('quantumMs', quantumOrNull(text)),
  timeout: (text) => wrapped('timeoutUs', timeoutOrNull(text)),
  priority: (text) => wrapped('priority', sharePriorities.find((it) => it === text) ?? null),
}

function wrapped<K extends keyof GpuShares>(key: K, value: GpuShares[K] | null): Partial<GpuShares> | null {
  return value === null ? null : { [key]: value }
}

/** Bytes of '8G' or '512MiB', in pieces of 2 MiB; null for anything else. */
export function vramOrNull(text: string): number | null {
  const bytes = bytesOrNull(text)
  return bytes !== null && bytes > 0 && bytes % vramPiece === 0 ? bytes : null
}

/** Milliseconds of '10ms' or '1s', 100 s at most; null for anything else. */
export function quantumOrNull(text: string): number | null {
  const us = microseconds(text)
  return us !== null && us % 1000 === 0 && us / 1000 <= maxQuantumMs ? us / 1000 : null
}

/** Microseconds of '20ms' or '500us', 100 s at most; null for anything else. */
export function timeoutOrNull(text: string): number | null {
  const us = microseconds(text)
  return us !== null && us <= maxTimeoutUs ? us : null
}

const units: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 }

function microseconds(text: string): number | null {
  const [, digits = '', unit = ''] = /^(\d{1,9})(us|ms|s)$/.exec(text) ?? []
  const factor = units[unit]
  return factor === undefined ? null : Number(digits) * factor
}
