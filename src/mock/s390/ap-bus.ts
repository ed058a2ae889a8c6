import { Errno } from '../base/errno.ts'
import { matrixParent } from '../scenario/parents.ts'
import type { Scenario, ScenarioAp } from '../scenario/scenario.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { type ApMatrix, apqns, readMatrix } from './ap-matrix.ts'
import { changedMask, hasBit, type Mask, maskText, parseMask } from './mask.ts'

/** A mask of the AP bus: adapters or domains that the host keeps. */
export type ApMaskName = 'apmask' | 'aqmask'

/** The adapters, or domains, that are kept for the host: a queue is, if both of its bits are set. */
export function apMask(state: Snapshot, ap: ScenarioAp, name: ApMaskName): Mask {
  return parseMask(state.ap[name] ?? ap[name])
}

/** True if a queue is kept for the host's own drivers. */
export function isOfHost(state: Snapshot, ap: ScenarioAp, adapter: number, domain: number): boolean {
  return hasBit(apMask(state, ap, 'apmask'), adapter) && hasBit(apMask(state, ap, 'aqmask'), domain)
}

/** A write to `apmask` or `aqmask`: EBUSY if it would take a queue away from a matrix. */
export function setApMask(draft: MockState, { ap }: Scenario, name: ApMaskName, bytes: Buffer): void {
  if (ap === undefined) throw new Errno('ENODEV')
  draft.ap[name] = maskText(changedMask(apMask(draft, ap, name), bytes))
  const isTaken = matrices(draft).some((matrix) => apqns(matrix).some(([a, d]) => isOfHost(draft, ap, a, d)))
  if (isTaken) throw new Errno('EBUSY')
}

/** Those of the mediated devices, without one. */
export function matrices(state: Snapshot, without?: string): ApMatrix[] {
  return state.mdevs
    .filter(({ parent, birth }) => parent === matrixParent && birth !== without)
    .map(({ attributes }) => readMatrix(attributes))
}
