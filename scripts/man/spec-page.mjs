// vfioctl-spec(5): every key of a spec file, from the schema that reads it, and examples, which test/cli runs.
import { getDescription } from 'valibot'
import { code, entry, prose, references, roff, section, subsection } from './roff.mjs'

/** @param {Record<string, any>} tables */
export function specPage({ specSchema, specExamples }) {
  const body = [
    section('SYNOPSIS', [
      '.B vfioctl plan',
      `\\fIFILE\\fR [\\fIoptions\\fR]`,
      '.br',
      '.B vfioctl apply',
      '\\fIFILE\\fR [\\fIoptions\\fR]',
    ]),
    section('DESCRIPTION', [
      ...prose(
        'A spec file describes a host: drivers of devices, virtual functions, and virtual devices on ' +
          'their parents. It is YAML or JSON, of at most 1 MiB. `plan` shows what would change, and `apply` makes ' +
          'the changes; it leaves alone what is already right. An unknown key is an error, with its place in the file.',
      ),
      '.PP',
      ...prose(
        'A file of NVIDIA’s vgpu-device-manager (`version: v1`, with `vgpu-configs`) is read too: `--config LABEL` ' +
          'names one of its configs.',
      ),
      '.PP',
      ...prose(
        '`vfioctl spec example` prints a file to begin with, `vfioctl spec validate` shows all that is wrong in one, and ' +
          '`vfioctl spec schema` prints its JSON Schema, by which editors check and complete it.',
      ),
    ]),
    section('KEYS', keysOf(specSchema, 'the file')),
    section('EXAMPLES', Object.entries(specExamples).flatMap(example).slice(1)),
    section(
      'SEE ALSO',
      references([...['vfioctl(1)', 'vfioctl-spec(1)', 'vfioctl-plan(1)', 'vfioctl-apply(1)'], 'vfioctl-library(7)']),
    ),
  ]
  return { name: 'vfioctl-spec', number: 5, summary: 'The desired state of a host, in a file', body }
}

/**
 * The keys of an object, and then those of the objects in it. An Error for a key that has no description.
 * @param {any} schema a schema of valibot @param {string} place
 * @returns {string[]}
 */
export function keysOf(schema, place) {
  const entries = Object.entries(schema.entries)
  const own = entries.flatMap(([key, of]) => {
    const description = getDescription(of)
    if (description === undefined) throw new Error(`man: the key '${key}' of ${place} has no description`)
    return entry(`${key}:`, `${description}${whenLeftOut(of)}`)
  })
  const inner = entries.flatMap(([key, of]) =>
    objectsIn(of).flatMap((object) => keysOf(object, place === 'the file' ? key : `${place}, ${key}`)),
  )
  return [...subsection(place === 'the file' ? 'The file' : `In ${place}`, own), ...inner]
}

/** The objects with keys that a value can be, or be a list of. */
function objectsIn(schema) {
  if (schema.type === 'strict_object') return [schema]
  if (schema.type === 'optional') return objectsIn(schema.wrapped)
  if (schema.type === 'array') return objectsIn(schema.item)
  return schema.type === 'union' ? schema.options.flatMap(objectsIn) : []
}

function whenLeftOut(schema) {
  if (schema.type !== 'optional') return ' Required.'
  const { default: otherwise } = schema
  return otherwise === undefined || Array.isArray(otherwise) ? '' : ` Default: \`${otherwise}\`.`
}

function example([name, { what, mock, text }]) {
  return [
    '.PP',
    ...prose(`${what}:`),
    '.PP',
    ...code(`version: 1\n${text}`),
    '.PP',
    '.RS 4',
    `.B ${roff(`vfioctl apply --mock ${mock} --yes ${name}.yaml`)}`,
    '.RE',
  ]
}
