import * as v from 'valibot'
import { VfioError } from '../../base/errors.ts'
import { nameFault } from '../../base/units.ts'
import { checkReadable, parseJsonFile } from '../files/json-file.ts'
import { type Attribute, attributeList } from './attribute-list.ts'

export type { Attribute } from './attribute-list.ts'

/** The start of a defined device: by itself once its parent is there, or only on demand. */
export type StartMode = 'auto' | 'manual'

/** The content of a definition file. The file's name is the UUID, its folder the parent. */
export interface Definition {
  readonly type: string
  readonly start: StartMode
  readonly attributes: readonly Attribute[]
}

/** mdevctl's file. It passes over unknown keys and lets `attrs` be absent; so do we. */
const fileSchema = v.object({
  mdev_type: v.pipe(
    v.string(),
    v.check((type) => nameFault(type) === null, 'must be the name of a type'),
  ),
  start: v.picklist(['auto', 'manual']),
  attrs: v.optional(attributeList, []),
})

interface DefinitionFile {
  readonly mdev_type: string
  readonly start: StartMode
  readonly attrs: readonly Readonly<Record<string, string>>[]
}

/**
 * As mdevctl writes it, byte for byte: `mdev_type`, `start`, `attrs`, two spaces, no final newline. INVALID_ARGUMENT
 * for what could not be read back.
 */
export function formatDefinition(definition: Definition): string {
  const text = textOf(definition)
  checkReadable(text, (written) => parseDefinition(written, 'the definition'))
  return text
}

function textOf(definition: Definition): string {
  return JSON.stringify(definitionFile(definition), null, 2)
}

/** The same on one line without spaces: what callout scripts are given. */
export function compactDefinition(definition: Definition): string {
  return JSON.stringify(definitionFile(definition))
}

/** The file's JSON. */
export function definitionFile({ type, start, attributes }: Definition): DefinitionFile {
  return { mdev_type: type, start, attrs: attributes.map(({ name, value }) => ({ [name]: value })) }
}

/** Reads mdevctl's JSON; anything that is off is INVALID_DEFINITION with the path and the place, never a guess. */
export function parseDefinition(text: string, path: string): Definition {
  const { mdev_type, start, attrs } = parseJsonFile(text, fileSchema, (what, cause) => invalid(path, what, cause))
  return { type: mdev_type, start, attributes: attrs }
}

/** True if two definitions make the same device. */
export function sameDefinition(a: Definition, b: Definition): boolean {
  return textOf(a) === textOf(b)
}

function invalid(path: string, what: string, cause?: unknown): VfioError {
  return new VfioError('INVALID_DEFINITION', `${path} is not a definition of a mediated device: ${what}`, {
    path,
    hint: `look at ${path}; it needs "mdev_type", "start" ("auto" or "manual") and "attrs"`,
    ...(cause === undefined ? {} : { cause }),
  })
}
