import { VfioError, withMore } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { migReason, whyNothing } from '../../device/mig.ts'
import { isTypeNamed, type NamedType, typeNamed } from '../../device/type-named.ts'
import { readCurrentType } from './vgpu-functions.ts'
import { knownTypeName, knownTypes } from './vgpu-type-names.ts'
import { readCreatableTypes, readVgpuTypes } from './vgpu-types.ts'

/**
 * A type of vGPU by its id or name ('1157', 'NVIDIA L40S-24Q', 'L40S-24Q'). A card lists only what can be made now:
 * what it does not list is looked for among the names that were noted earlier. `on` is the function that is to have it,
 * if one was named: it alone is asked first for an id.
 */
export function chooseVgpuType(
  files: HostFiles,
  card: PciAddress,
  name: string,
  on: PciAddress | null = null,
): NamedType {
  const known = on === null ? null : typeOn(files, on, name)
  if (known !== null) return known
  const listed = readVgpuTypes(files, { parent: card }).types
  if (listed.some((type) => isTypeNamed(type, name))) return typeNamed(listed, card, name)
  try {
    return typeNamed([...listed, ...noted(files, listed)], card, name)
  } catch (error) {
    const offered = listed.filter(({ availableAtMost }) => availableAtMost > 0)
    const reason = listed.length === 0 ? whyNothing(card) : migReason(card, { name }, offered)
    if (reason === null || !(error instanceof VfioError) || error.code !== 'NOT_FOUND') throw error
    throw withMore(error, reason.why, { hint: reason.hint })
  }
}

/** The type with that id, if the function has it or is offered it now. */
function typeOn(files: HostFiles, address: PciAddress, type: string): NamedType | null {
  if (!/^[1-9]\d{0,9}$/.test(type)) return null
  if (String(readCurrentType(files, address)) === type) return { type, name: knownTypeName(files, Number(type)) }
  const offered = readCreatableTypes(files, address).find(({ id }) => String(id) === type)
  return offered === undefined ? null : { type, name: offered.name }
}

function noted(files: HostFiles, listed: readonly NamedType[]): NamedType[] {
  return knownTypes(files)
    .map(({ id, name }) => ({ type: String(id), name }))
    .filter(({ type }) => !listed.some((other) => other.type === type))
}
