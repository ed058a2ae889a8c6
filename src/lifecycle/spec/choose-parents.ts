import { VfioError } from '../../base/errors.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isTypeNamed } from '../device/type-named.ts'
import { readDeviceTypes } from '../kinds/device-types.ts'
import { kindOfParent } from '../kinds/kinds.ts'
import { planningOf, plannings } from '../kinds/plannings.ts'
import type { ParentPlace, Parents } from '../wanted/parent-place.ts'
import type { ParentChoice } from '../wanted/spec.ts'
import { fitsPci, pciChoiceInWords } from './choose-pci.ts'

/** The parents of this host that a choice stands for, kind by kind, in the bus's order. NOT_FOUND if there is none. */
export function chooseParents(files: HostFiles, choice: ParentChoice): readonly ParentPlace[] {
  if ('names' in choice) {
    return choice.names.map((name) => planningOf(kindOfParent(files, name)).placeNamed(files, name))
  }
  if ('anyWith' in choice) return placesWith(files, choice.anyWith)
  const found = placesThat(files, (place) => fitsPci(files, place.name, choice)).flat()
  if (found.length === 0) throw noneFits(pciChoiceInWords(choice))
  return found
}

/** True if a parent, or one of a card's, offers a type. */
export function offers(files: HostFiles, { parents }: Parents, name: string): boolean {
  return parents.some((parent) => readDeviceTypes(files, { parent }).types.some((type) => isTypeNamed(type, name)))
}

/** A type that is found is of one kind. */
function placesWith(files: HostFiles, types: readonly string[]): readonly ParentPlace[] {
  for (const type of types) {
    const [first] = placesThat(files, (place) => offers(files, place, type))
    if (first !== undefined) return first
  }
  throw noneFits(`one that offers ${types.join(' or ')}`)
}

/** Of each kind that has some. */
function placesThat(files: HostFiles, fits: (place: Parents) => boolean): (readonly ParentPlace[])[] {
  return plannings.map((planning) => planning.places(files, fits)).filter((places) => places.length > 0)
}

function noneFits(what: string): VfioError {
  return new VfioError('NOT_FOUND', `no parent of this host is ${what}`, { hint: 'vfioctl types' })
}
