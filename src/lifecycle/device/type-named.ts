import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { nearestNames } from '../../host/nearest-name.ts'

/** A type as people know it. */
export interface NamedType {
  readonly type: string
  readonly name: string | null
}

/** By its id ('nvidia-222') or its name ('GRID T4-1B', also with `_` for spaces, or its last word alone). */
export function isTypeNamed(type: NamedType, name: string): boolean {
  const own = type.name?.replaceAll('_', ' ')
  const wanted = name.replaceAll('_', ' ')
  return type.type === name || own === wanted || own?.split(' ').at(-1) === wanted
}

/** The one of a parent's types that is named so: NOT_FOUND names the nearest, AMBIGUOUS those that share the name. */
export function typeNamed<T extends NamedType>(types: readonly T[], parent: string, name: string): T {
  const found = types.find(({ type }) => type === name)
  if (found !== undefined) return found
  const named = types.filter((type) => isTypeNamed(type, name))
  const [only] = named
  if (only !== undefined && named.length === 1) return only
  if (only !== undefined) {
    throw new VfioError('AMBIGUOUS', `${parent} has several types named '${printable(name)}'`, {
      hint: `name one by its id: ${named.map(({ type }) => type).join(', ')}`,
      facts: { parent, types: named.map(({ type }) => type) },
    })
  }
  throw noSuchType(types, parent, name)
}

/** True if a look for a type finds one; what is said beside NOT_FOUND goes on. */
export function isFound(find: () => NamedType): boolean {
  try {
    find()
    return true
  } catch (error) {
    if (error instanceof VfioError && error.code === 'NOT_FOUND') return false
    throw error
  }
}

/** Of a parent's types, or with `parent` null of all of a host's, none is named so. */
export function noSuchType(types: readonly NamedType[], parent: string | null, name: string): VfioError {
  const known = types.flatMap((type) => [type.type, ...(type.name === null ? [] : [type.name])])
  const nearest = nearestNames(name, [...new Set(known)])
  const who = parent === null ? 'no card here' : parent
  return new VfioError(
    'NOT_FOUND',
    `${who} has ${parent === null ? 'a' : 'no'} type '${printable(name)}'${didYouMean(nearest)}`,
    {
      hint: parent === null ? 'vfioctl types' : `vfioctl types -p ${parent}`,
      facts: { parent, type: name, nearest },
    },
  )
}

/** For the end of a sentence. */
export function didYouMean(nearest: readonly string[]): string {
  return nearest.length === 0 ? '' : `; did you mean ${nearest.map((name) => `'${name}'`).join(' or ')}?`
}
