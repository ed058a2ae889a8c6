import { VfioError } from '../../base/errors.ts'
import { checkAttributes } from './attribute-path.ts'
import type { Attribute, Definition, StartMode } from './definition.ts'

/** Changes to a definition; what is absent stays. */
export interface DefinitionEdit {
  readonly type?: string
  readonly start?: StartMode
  /** Replaces the whole list, before the edits below. */
  readonly attributes?: readonly Attribute[]
  /** Put in before the one at `index`, or at the end. */
  readonly addAttribute?: Attribute & { readonly index?: number }
  /** The one at `index`, or the last. */
  readonly removeAttribute?: { readonly index?: number }
  /** Take a type that this host does not offer now. */
  readonly force?: boolean
}

/** A definition as it is to be. `type` is the id that the edit's own type was found to stand for. */
export function editDefinition(definition: Definition, edit: DefinitionEdit, type: string | undefined): Definition {
  const attributes = [...(edit.attributes ?? definition.attributes)]
  const { addAttribute, removeAttribute } = edit
  if (removeAttribute !== undefined) {
    const last = attributes.length - 1
    attributes.splice(checkedIndex(removeAttribute.index ?? last, last, attributes), 1)
  }
  if (addAttribute !== undefined) {
    const { name, value, index = attributes.length } = addAttribute
    attributes.splice(checkedIndex(index, attributes.length, attributes), 0, { name, value })
  }
  checkAttributes(attributes)
  return { type: type ?? definition.type, start: edit.start ?? definition.start, attributes }
}

function checkedIndex(index: number, last: number, attributes: readonly Attribute[]): number {
  if (Number.isInteger(index) && index >= 0 && index <= last) return index
  const list = attributes.map(({ name, value }, at) => `${at} ${name}=${value}`).join(', ')
  throw new VfioError('INVALID_ARGUMENT', `there is no attribute number ${index}: ${list || 'the list is empty'}`, {
    hint: attributes.length === 0 ? '--addattr NAME --value VALUE adds one' : `--index 0 to ${last}`,
    facts: { index, attributes: attributes.map(({ name, value }) => ({ name, value })) },
  })
}
