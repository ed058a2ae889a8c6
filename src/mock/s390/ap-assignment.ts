import { Errno } from '../base/errno.ts'
import { kernelTraits } from '../base/kernel-traits.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { Scenario, ScenarioAp } from '../scenario/scenario.ts'
import type { MdevRecord, MockState, Snapshot } from '../state/state.ts'
import { isOfHost, matrices } from './ap-bus.ts'
import { type ApMatrix, apqns, readMatrix, writeMatrix } from './ap-matrix.ts'
import { maskOf, maskText, numbersOf, parseMask } from './mask.ts'

/** One of the three sets of an AP matrix. */
export type ApPart = keyof ApMatrix

/** A write to `assign_adapter` and its like: ENODEV for a number that the machine does not have. */
export function assign(draft: MockState, scenario: Scenario, birth: string, part: ApPart, bytes: Buffer): void {
  change(draft, scenario, birth, (matrix) => ({ ...matrix, [part]: [...matrix[part], parseId(scenario, part, bytes)] }))
}

/** A write to `unassign_adapter` and its like: what is not assigned is no error. */
export function unassign(draft: MockState, scenario: Scenario, birth: string, part: ApPart, bytes: Buffer): void {
  const id = parseId(scenario, part, bytes)
  change(draft, scenario, birth, (matrix) => ({ ...matrix, [part]: matrix[part].filter((number) => number !== id) }))
}

/** Text of `ap_config`: the three masks. */
export function configText({ adapters, domains, controlDomains }: ApMatrix): string {
  return `${[adapters, domains, controlDomains].map((numbers) => maskText(maskOf(numbers))).join(',')}\n`
}

/** A write to `ap_config`: all of it, or nothing. */
export function setConfig(draft: MockState, scenario: Scenario, birth: string, bytes: Buffer): void {
  const parts = bytes.toString('latin1').trim().split(',').map(parseMask).map(numbersOf)
  const [adapters, domains, controlDomains] = parts
  if (adapters === undefined || domains === undefined || controlDomains === undefined || parts.length > 3) {
    throw new Errno('EINVAL')
  }
  const { ap } = scenario
  const isThere = (numbers: readonly number[], most: number) => numbers.every((number) => number <= most)
  const areThere =
    ap !== undefined && isThere(adapters, ap.maxAdapter) && isThere([...domains, ...controlDomains], ap.maxDomain)
  if (!areThere) throw new Errno('ENODEV')
  change(draft, scenario, birth, () => ({ adapters, domains, controlDomains }))
}

/**
 * The part of the matrix that a guest gets: adapters of which every assigned queue is there and with vfio_ap, and the
 * domains that the machine has.
 */
export function guestMatrix(state: Snapshot, ap: ScenarioAp, matrix: ApMatrix): ApMatrix {
  const domains = matrix.domains.filter((domain) => ap.domains.includes(domain))
  const adapters = matrix.adapters.filter(
    (adapter) =>
      ap.adapters.some(({ id }) => id === adapter) && domains.every((domain) => !isOfHost(state, ap, adapter, domain)),
  )
  return { ...matrix, adapters, domains }
}

function parseId({ ap }: Scenario, part: ApPart, bytes: Buffer): number {
  const id = Number(kstrtoull(bytes, { base: 0, bits: 64 }))
  const most = part === 'adapters' ? ap?.maxAdapter : ap?.maxDomain
  if (most === undefined || id > most) throw new Errno('ENODEV')
  return id
}

/**
 * EADDRNOTAVAIL if a queue of the new matrix is kept for the host, and EBUSY (EADDRINUSE on older kernels) if
 * another device has it. Control domains are nobody's alone.
 */
function change(draft: MockState, scenario: Scenario, birth: string, changed: (matrix: ApMatrix) => ApMatrix): void {
  const mdev = draft.mdevs.find((candidate: MdevRecord) => candidate.birth === birth)
  const { ap } = scenario
  if (mdev === undefined || ap === undefined) throw new Errno('ENODEV')
  const before = readMatrix(mdev.attributes)
  const after = changed(before)
  const had = new Set(apqns(before).map(String))
  const added = apqns(after).filter((apqn) => !had.has(String(apqn)))
  if (added.some(([adapter, domain]) => isOfHost(draft, ap, adapter, domain))) throw new Errno('EADDRNOTAVAIL')
  const others = new Set(matrices(draft, birth).flatMap(apqns).map(String))
  if (added.some((apqn) => others.has(String(apqn)))) throw new Errno(kernelTraits(scenario).apqnTaken)
  writeMatrix(mdev.attributes, after)
}
