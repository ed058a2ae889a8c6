import { VfioError } from '../../base/errors.ts'
import { counted, printable } from '../../base/units.ts'

/** A place in a file: line and column, from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** 'vgpus.yaml:5:9', or the file alone if its line is not known. */
export function inFile(path: string, at: Place | null): string {
  return at === null ? path : `${path}:${at.line}:${at.column}`
}

/** One thing that is wrong in a file, where it stands. */
export interface SpecFault {
  /** In words: 'parent 1, device 2, count'. */
  readonly place: string
  readonly what: string
  /** Null if its line is not known. */
  readonly at: Place | null
}

/** INVALID_SPEC: what is wrong with what stands at `place` of the file. */
export function invalidSpec(path: string, place: string, what: string, at: Place | null = null): VfioError {
  return new InvalidSpec(path, [{ place, what, at }])
}

/** INVALID_SPEC of all that is wrong in a file; its message is the first. */
export class InvalidSpec extends VfioError {
  readonly faults: readonly [SpecFault, ...SpecFault[]]

  constructor(path: string, faults: readonly [SpecFault, ...SpecFault[]]) {
    const [{ place, what, at }, ...others] = faults
    super('INVALID_SPEC', `${inFile(path, at)}: ${printable(place)}: ${printable(what)}`, {
      path,
      hint:
        others.length === 0
          ? 'vfioctl spec example shows a file'
          : `vfioctl spec validate ${isPlainWord(path) ? path : 'FILE'} shows all ${counted(faults.length, 'fault')}`,
      ...(at === null ? {} : { facts: { line: at.line, column: at.column } }),
    })
    this.faults = faults
  }
}

/** A path that a shell takes as it is. */
function isPlainWord(path: string): boolean {
  return /^[\w./][\w./-]*$/.test(path) && path !== 'stdin'
}
