import { VfioError } from '../../errors.ts'
import { printable } from '../../units.ts'

export function invalidSpec(path: string, place: string, what: string, cause?: unknown): VfioError {
  return new VfioError('INVALID_SPEC', `${path}: ${printable(place)}: ${printable(what)}`, {
    path,
    hint: 'vfioctl apply --help shows a file',
    ...(cause === undefined ? {} : { cause }),
  })
}
