import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'

/**
 * An element with its attributes and the elements inside it, as text of XML 1.0, indented by two spaces for each level.
 */
export function xmlElement(
  name: string,
  attributes: Readonly<Record<string, string | undefined>>,
  children: readonly string[] = [],
): string {
  const given = Object.entries(attributes).flatMap(([attribute, value]) => {
    return value === undefined ? [] : [` ${checkedXmlName(attribute)}='${escapedValue(value)}'`]
  })
  const start = `<${checkedXmlName(name)}${given.join('')}`
  if (children.length === 0) return `${start}/>`
  const inner = children.map((child) => child.replace(/^/gm, '  '))
  return [`${start}>`, ...inner, `</${name}>`].join('\n')
}

function checkedXmlName(name: string): string {
  if (/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) return name
  throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' is not a name of XML's`)
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
}

/** INVALID_ARGUMENT for a character that XML cannot have, be it escaped; white space would come back as a space. */
function escapedValue(value: string): string {
  if (/^[\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]*$/.test(value)) {
    return value.replace(/[&<>'"]/g, (character) => entities[character] ?? character)
  }
  throw new VfioError('INVALID_ARGUMENT', `'${printable(value)}' has a character that XML does not take`)
}
