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
  const found = plannings
    .map((planning) => planning.places(files, (place) => fits(files, place, choice)))
    .filter((places) => places.length > 0)
  const [first] = found
  if (first === undefined) {
    throw new VfioError('NOT_FOUND', `no parent of this host is ${inWords(choice)}`, { hint: 'vfioctl types' })
  }
  // a type that is found is of one kind
  return 'anyWith' in choice ? first : found.flat()
}

function fits(
  files: HostFiles,
  { name, parents }: Parents,
  choice: Exclude<ParentChoice, { names: readonly string[] }>,
): boolean {
  if (!('anyWith' in choice)) return fitsPci(files, name, choice)
  return parents.some((parent) =>
    readDeviceTypes(files, { parent }).types.some((type) => isTypeNamed(type, choice.anyWith)),
  )
}

function inWords(choice: ParentChoice): string {
  return 'anyWith' in choice ? `one that offers ${choice.anyWith}` : pciChoiceInWords(choice)
}
