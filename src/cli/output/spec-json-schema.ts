import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema'
import {
  type GenericSchema,
  getDescription,
  getMetadata,
  type ObjectEntries,
  type OptionalSchema,
  type StrictObjectSchema,
} from 'valibot'
import { specSchema } from '../../lifecycle/spec/spec-schema.ts'

/**
 * JSON Schema (2020-12) of a spec file, made of the schema that reads it: keys, their descriptions, types and bounds.
 * What two keys demand of each other, and what the host has, is left to `spec validate` and to `plan`.
 */
export function specJsonSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Spec file of vfioctl, version 1',
    ...toJsonSchema(specSchema, {
      target: 'draft-2020-12',
      typeMode: 'input',
      // rules in code, which a JSON Schema cannot say
      errorMode: 'ignore',
      overrideSchema: ({ valibotSchema, jsonSchema }) => ({
        ...jsonSchema,
        ...describedKeys(valibotSchema, jsonSchema),
      }),
    }),
  }
}

/**
 * The keys with what toJsonSchema leaves out of one if a transformation stands before it: its description, and the form
 * of its text.
 */
function describedKeys(schema: GenericSchema, { properties }: JsonSchema): Pick<JsonSchema, 'properties'> {
  if (properties === undefined || !isObject(schema)) return {}
  const keys = Object.entries(properties).map(([key, its]) => {
    const of = schema.entries[key]
    if (typeof its !== 'object' || of === undefined) return [key, its] as const
    const [description, pattern] = [getDescription(of), patternOf(of)]
    const more = {
      ...(pattern === undefined ? {} : { pattern }),
      ...(description === undefined ? {} : { description }),
    }
    return [key, { ...its, ...more }] as const
  })
  return { properties: Object.fromEntries(keys) }
}

function patternOf(schema: Keyed): string | undefined {
  const { pattern } = getMetadata(schema)
  if (typeof pattern === 'string') return pattern
  return isOptional(schema) ? patternOf(schema.wrapped) : undefined
}

type Keyed = ObjectEntries[string]

function isObject(schema: GenericSchema): schema is StrictObjectSchema<ObjectEntries, undefined> {
  return schema.type === 'strict_object'
}

function isOptional(schema: Keyed): schema is OptionalSchema<GenericSchema, undefined> {
  return schema.type === 'optional'
}
