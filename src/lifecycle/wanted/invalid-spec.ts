import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'

/** A place in a file: line and column, from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** 'vgpus.yaml:5:9', or the file alone if its line is not known. */
export function inFile(path: string, at: Place | null): string {
  return at === null ? path : `${path}:${at.line}:${at.column}`
}

/** INVALID_SPEC: what is wrong with what stands at `place` of the file. */
export function invalidSpec(path: string, place: string, what: string, at: Place | null = null): VfioError {
  const where = inFile(path, at)
  return new VfioError('INVALID_SPEC', `${where}: ${printable(place)}: ${printable(what)}`, {
    path,
    hint: 'vfioctl plan --help shows a file',
    ...(at === null ? {} : { facts: { line: at.line, column: at.column } }),
  })
}
