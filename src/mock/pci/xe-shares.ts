import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import { type MockState, type PciRecord, pciKey, type Snapshot } from '../state/state.ts'
import { type PciDevice, pciDraft, pciRecord } from './devices.ts'

/**
 * Shares of an Intel GPU, as its driver xe gives them to functions (drivers/gpu/drm/xe/xe_sriov_pf_provision.c and
 * xe_gt_sriov_pf_config.c of Linux 6.19 to 7.1). Function 0 is the physical one. What the driver gives beside VRAM and
 * time (GGTT, contexts, doorbells) shows nowhere.
 */
export type XeShare = 'exec_quantum_ms' | 'preempt_timeout_us' | 'vram_quota'

/** The firmware's most (GUC_KLV_VF_CFG_…_MAX_VALUE): the driver takes more as this. */
const most = {
  exec_quantum_ms: 100_000n,
  preempt_timeout_us: 100_000_000n,
} as const
/** VRAM is given in pieces of 2 MiB. */
const piece = 2n ** 21n

/** Priorities, in the order in which they are shown; the last is for the physical function alone. */
const xePriorities = ['low', 'normal', 'high'] as const

/** Name of a function's folder. */
export function xeFunction(number: number): string {
  return number === 0 ? 'pf' : `vf${number}`
}

/** A function's share as it is shown: 0 if it has none. */
export function xeShare(
  { xeShares }: Pick<Snapshot['pci'][string], 'xeShares'>,
  number: number,
  what: XeShare,
): string {
  return xeShares[`${xeFunction(number)}/${what}`] ?? '0'
}

/** Text of `sched_priority`: the choices, with the chosen one in brackets. */
export function shownPriority(record: Snapshot['pci'][string], number: number): string {
  const chosen = record.xeShares[`${xeFunction(number)}/sched_priority`] ?? xePriorities[0]
  const choices = number === 0 ? xePriorities : xePriorities.slice(0, 2)
  return choices.map((it) => (it === chosen ? `[${it}]` : it)).join(' ')
}

/** A write to a share of time of these functions: EINVAL for no number, ERANGE for one of more than 32 bits. */
export function setXeTime(
  draft: MockState,
  card: PciDevice,
  numbers: readonly number[],
  what: keyof typeof most,
  bytes: Buffer,
): void {
  const value = kstrtoull(bytes, { base: 0, bits: 32 })
  const { xeShares } = pciDraft(draft, card)
  for (const number of numbers) {
    xeShares[`${xeFunction(number)}/${what}`] = String(value < most[what] ? value : most[what])
  }
}

/** A write to `sched_priority` of the physical function, or of all by `.bulk_profile`, which has no `high`. */
export function setXePriority(draft: MockState, card: PciDevice, numbers: readonly number[], bytes: Buffer): void {
  const choices = numbers.length === 1 ? xePriorities : xePriorities.slice(0, 2)
  const text = bytes.toString('latin1').replace(/\n$/, '')
  const chosen = choices.find((it) => it === text)
  if (chosen === undefined) throw new Errno('EINVAL')
  const { xeShares } = pciDraft(draft, card)
  for (const number of numbers) xeShares[`${xeFunction(number)}/sched_priority`] = chosen
}

/**
 * A write of VRAM: what a function has is given back before it gets another piece. Returns the errno with which the
 * write ends, as what is given back by then stays so: EIO of the firmware for a function that is in use or was not
 * reset since, ENOMEM if no such piece is free. Errors of form are thrown.
 */
export function setXeVram(draft: MockState, card: PciDevice, numbers: readonly number[], bytes: Buffer): string | null {
  const size = roundUp(kstrtoull(bytes, { base: 0, bits: 64 }))
  const record = pciDraft(draft, card)
  for (const number of numbers) {
    if (isInUse(draft, record.vfs[number - 1])) return 'EIO'
    delete record.xeShares[`${xeFunction(number)}/vram_quota`]
    if (size > freeVram(record, card)) return 'ENOMEM'
    if (size > 0n) record.xeShares[`${xeFunction(number)}/vram_quota`] = String(size)
  }
  return null
}

/**
 * The shares that come with virtual functions: equal parts of the free VRAM, each a power of two, unless some was given
 * by hand. ENOSPC if there is not even a piece for each.
 */
export function giveEqualShares(record: PciRecord, card: PciDevice, count: number): void {
  if (card.xe === undefined || card.xe.vram === 0 || usedVram(record) > 0n) return
  const part = freeVram(record, card) / BigInt(count)
  const equal = 2n ** BigInt(part.toString(2).length - 1)
  if (part < piece) throw new Errno('ENOSPC')
  for (let number = 1; number <= count; number++) record.xeShares[`vf${number}/vram_quota`] = String(equal)
}

/** So many virtual functions go, and give back all but their priority. */
export function releaseShares({ xeShares }: PciRecord, count: number): void {
  for (let number = 1; number <= count; number++) {
    for (const what of ['exec_quantum_ms', 'preempt_timeout_us', 'vram_quota']) delete xeShares[`vf${number}/${what}`]
  }
}

/** True if the driver is there that shares the card. */
export function isShared(state: Snapshot, card: PciDevice): boolean {
  const { driver, unbinding } = pciRecord(state, card)
  return card.xe !== undefined && card.sriov !== undefined && driver === card.driver && !unbinding
}

function isInUse(state: MockState, address: string | undefined): boolean {
  const vf = address === undefined ? undefined : state.pci[address]
  if (address === undefined || vf === undefined) return false
  return vf.usedByHost || state.processes.some(({ opened }) => opened.includes(pciKey(address)))
}

function usedVram({ xeShares }: PciRecord): bigint {
  const sizes = Object.entries(xeShares).filter(([name]) => name.endsWith('/vram_quota'))
  return sizes.reduce((sum, [, size]) => sum + BigInt(size), 0n)
}

function freeVram(record: PciRecord, card: PciDevice): bigint {
  return BigInt(card.xe?.vram ?? 0) - usedVram(record)
}

function roundUp(size: bigint): bigint {
  return ((size + piece - 1n) / piece) * piece
}
