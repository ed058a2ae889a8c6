import * as v from 'valibot'

/** One sysfs attribute to write after creation. Their order is the order of the writes. */
export interface Attribute {
  readonly name: string
  readonly value: string
}

/** `{"NAME": "VALUE"}`. Any name will do, also `constructor` and `__proto__`, which valibot's own records pass over. */
const attribute = v.pipe(
  v.custom<object>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be an object',
  ),
  v.rawTransform<object, Attribute>(({ dataset, addIssue, NEVER }) => {
    const pairs: [string, unknown][] = Object.entries(dataset.value)
    const [name = '', value] = pairs[0] ?? []
    if (pairs.length === 1 && typeof value === 'string') return { name, value }
    if (pairs.length !== 1) addIssue({ message: 'must have one name' })
    else {
      const at = { type: 'object', origin: 'value', input: { ...dataset.value }, key: name, value } as const
      addIssue({ message: 'must be text', path: [at] })
    }
    return NEVER
  }),
)

/**
 * mdevctl's `attrs`: `[{"NAME": "VALUE"}, …]`.
 * @internal
 */
export const attributeList: v.GenericSchema<unknown, Attribute[]> = v.array(attribute)
