/** A JSON Schema as far as ours go. */
export interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly minItems?: number
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly default?: unknown
}

/** Places where a schema refuses what an older one takes, or means something else by it. */
export function breaksOf(old: JsonSchema, now: JsonSchema, place = ''): string[] {
  const options = old.anyOf ?? [old]
  const choices = now.anyOf?.flatMap(optionsOf) ?? [now]
  return options.flatMap(optionsOf).flatMap((option) => {
    const each = choices.map((choice) => optionBreaks(option, choice, place))
    return each.some((breaks) => breaks.length === 0) ? [] : (each.toSorted((a, b) => a.length - b.length)[0] ?? [])
  })
}

function optionsOf(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf?.flatMap(optionsOf) ?? [schema]
}

function optionBreaks(old: JsonSchema, now: JsonSchema, place: string): string[] {
  const values = (schema: JsonSchema) => schema.enum ?? ('const' in schema ? [schema.const] : null)
  const [before, after] = [values(old), values(now)]
  const isWord = (value: unknown) => typeof value === now.type
  const checks: [boolean, string][] = [
    [old.type !== undefined && now.type !== undefined && old.type !== now.type && now.type !== 'number', 'type'],
    [before === null ? after !== null : after !== null && before.some((it) => !after.includes(it)), 'values'],
    [before !== null && after === null && now.type !== undefined && !before.every(isWord), 'values'],
    [now.pattern !== undefined && now.pattern !== old.pattern, 'pattern'],
    [(now.minimum ?? -Infinity) > (old.minimum ?? -Infinity), 'minimum'],
    [(now.maximum ?? Infinity) < (old.maximum ?? Infinity), 'maximum'],
    [(now.minLength ?? 0) > (old.minLength ?? 0), 'minLength'],
    [(now.minItems ?? 0) > (old.minItems ?? 0), 'minItems'],
    [(now.required ?? []).some((key) => !(old.required ?? []).includes(key)), 'required'],
    [JSON.stringify(old.default) !== JSON.stringify(now.default), 'default'],
    [old.items !== undefined && now.items === undefined, 'items'],
  ]
  const own = checks.flatMap(([breaks, what]) => (breaks ? [`${place}: ${what}`] : []))
  const items = old.items !== undefined && now.items !== undefined ? breaksOf(old.items, now.items, `${place}[]`) : []
  const keys = Object.entries(old.properties ?? {}).flatMap(([key, schema]) => {
    const its = now.properties?.[key]
    return its === undefined ? [`${place}.${key}: is gone`] : breaksOf(schema, its, `${place}.${key}`)
  })
  return [...own, ...items, ...keys]
}
