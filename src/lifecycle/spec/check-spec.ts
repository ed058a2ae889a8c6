import { printable } from '../../base/units.ts'
import { InvalidSpec } from '../wanted/invalid-spec.ts'
import { mostFaults } from './checked-content.ts'
import { parseSpec } from './parse-spec.ts'

/** One thing that is wrong in a spec file. */
export interface SpecFault {
  /** Line and column in the file, from 1; null if they are not known. */
  readonly line: number | null
  readonly column: number | null
  /** The place in words: 'parent 1, device 2, count'. */
  readonly place: string
  /** The fault, as the end of a sentence: 'must be at least 0, not -1'. */
  readonly what: string
}

/** The faults that `checkSpec` has found. */
export interface SpecCheck {
  readonly valid: boolean
  /** In the order of the file. */
  readonly faults: readonly SpecFault[]
  /** True if there may be more: a hundred are told. */
  readonly more: boolean
}

/**
 * Checks the text of a spec file by itself, without a host: YAML or JSON, ours or that of NVIDIA's vgpu-device-manager,
 * of which `config` names one. `Host.plan` finds what a host contradicts.
 */
export function checkSpec(text: string, options: { readonly config?: string } = {}): SpecCheck {
  try {
    parseSpec(text, 'spec', options.config)
    return { valid: true, faults: [], more: false }
  } catch (error) {
    if (!(error instanceof InvalidSpec)) throw error
    const faults = error.faults.map(({ place, what, at }) => ({
      line: at?.line ?? null,
      column: at?.column ?? null,
      place: printable(place),
      what: printable(what),
    }))
    return { valid: false, faults, more: faults.length >= mostFaults }
  }
}
