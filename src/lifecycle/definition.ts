import { VfioError } from '../errors.ts'
import { printable } from '../units.ts'

/** When a defined device comes up: by udev when its parent appears, or only on demand. */
export type StartMode = 'auto' | 'manual'

/** One sysfs attribute to write after creation. Their order is the order of the writes. */
export interface Attribute {
  readonly name: string
  readonly value: string
}

/** What a definition file says. The file's name is the UUID, its folder the parent. */
export interface Definition {
  readonly type: string
  readonly start: StartMode
  readonly attributes: readonly Attribute[]
}

/**
 * mdevctl's file, byte for byte: `mdev_type`, `start`, `attrs` (one key per object), two spaces, no final newline.
 */
export function formatDefinition(definition: Definition): string {
  return JSON.stringify(
    {
      mdev_type: definition.type,
      start: definition.start,
      attrs: definition.attributes.map(({ name, value }) => ({ [name]: value })),
    },
    null,
    2,
  )
}

/**
 * Reads mdevctl's JSON. Unknown keys are passed over, as mdevctl does; anything else that is off is
 * INVALID_DEFINITION with the path, and never a guess.
 */
export function parseDefinition(text: string, path: string): Definition {
  const json = parseJson(text, path)
  if (!isRecord(json)) throw invalid(path, 'is not a JSON object')
  const type = json['mdev_type']
  if (typeof type !== 'string' || type === '') throw invalid(path, 'has no mdev_type (a string)')
  const start = json['start']
  if (start !== 'auto' && start !== 'manual') {
    throw invalid(path, `has start ${shown(start)}; it must be "auto" or "manual"`)
  }
  return { type, start, attributes: parseAttributes(json['attrs'], path) }
}

function parseAttributes(attrs: unknown, path: string): Attribute[] {
  if (attrs === undefined) return []
  if (!Array.isArray(attrs)) throw invalid(path, 'has attrs that are not an array')
  return attrs.map((entry: unknown, index) => {
    if (!isRecord(entry)) throw invalid(path, `has attrs[${index}] that is not an object`)
    const pairs = Object.entries(entry)
    const [pair] = pairs
    if (pair === undefined || pairs.length !== 1) {
      throw invalid(path, `has attrs[${index}] with ${pairs.length} names; it must have one`)
    }
    const [name, value] = pair
    if (typeof value !== 'string') throw invalid(path, `has attrs[${index}] '${printable(name)}' that is not a string`)
    return { name, value }
  })
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(path, `is not JSON: ${error instanceof Error ? printable(error.message) : ''}`, error)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : printable(JSON.stringify(value))
}

function invalid(path: string, what: string, cause?: unknown): VfioError {
  return new VfioError('INVALID_DEFINITION', `definition ${path} ${what}`, {
    path,
    hint: `cat ${path}`,
    ...(cause === undefined ? {} : { cause }),
  })
}
