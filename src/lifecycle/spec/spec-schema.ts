import * as v from 'valibot'
import type { SpecBinding, SpecParent } from '../wanted/spec.ts'
import { binding } from './bindings-schema.ts'
import { knownKeys } from './known-keys.ts'
import { parent } from './parents-schema.ts'

/** The given parts of a spec file: one of the two, or both. */
interface SpecContent {
  readonly bindings?: SpecBinding[] | undefined
  readonly parents?: SpecParent[] | undefined
}

/**
 * The schema of a spec file. Each key has a description, which vfioctl-spec(5) shows and the JSON Schema has; a form
 * that code alone checks has a `pattern` for it in its metadata, which takes at least all that the code takes.
 */
export const specSchema: v.GenericSchema<unknown, SpecContent> = v.pipe(
  knownKeys({
    version: v.pipe(v.literal(1), v.description('The version of this format: `1`.')),
    bindings: v.pipe(
      v.optional(v.array(binding)),
      v.description(
        'A list of devices with the driver that each is to have. The file has `bindings`, `parents` or both.',
      ),
    ),
    parents: v.pipe(
      v.optional(v.array(parent)),
      v.description('A list of cards and other parents, with what each carries.'),
    ),
  }),
  v.check(({ bindings, parents }) => bindings !== undefined || parents !== undefined, 'must have parents or bindings'),
)
