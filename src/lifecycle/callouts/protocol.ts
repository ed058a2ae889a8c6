import * as v from 'valibot'
import { type Attribute, attributeList } from '../definition/attribute-list.ts'

/** mdevctl's callout protocol, version 2: what is said to scripts in their arguments, and what they answer. */
export type Action = 'define' | 'undefine' | 'modify' | 'start' | 'stop'
/** The event for which a script is called, in mdevctl's words. */
export type Event = 'pre' | 'post' | 'notify' | 'get' | 'live'
/** The outcome of the action itself, as far as it is known when the script is run. */
export type State = 'none' | 'success' | 'failure'
/** A question to a script, in place of an action. */
export type Question = 'attributes' | 'capabilities'

/** The device that a script is asked about. */
export interface Subject {
  readonly uuid: string
  readonly parent: string
  readonly type: string
}

/** A script's own say of what it takes part in. Names that are not known here are left in: newer scripts have more. */
export interface Supports {
  readonly actions: readonly string[]
  readonly events: readonly string[]
}

/** Our capabilities, told to a script on stdin of `get capabilities`. */
export const provides: string = JSON.stringify({
  provides: {
    version: 2,
    actions: ['start', 'stop', 'define', 'undefine', 'modify', 'attributes', 'capabilities'],
    events: ['pre', 'post', 'notify', 'get', 'live'],
  },
})

/** Of a script that answers `get capabilities` with nothing to read: version 1. */
export const firstVersion: Supports = {
  actions: ['start', 'stop', 'define', 'undefine', 'modify', 'attributes'],
  events: ['pre', 'post', 'notify', 'get'],
}

/** The arguments of a script, as mdevctl gives them. */
export function scriptArguments(subject: Subject, event: Event, action: Action | Question, state: State): string[] {
  const { type, uuid, parent } = subject
  return ['-t', type, '-e', event, '-a', action, '-s', state, '-u', uuid, '-p', parent]
}

const supportsAnswer = v.object({
  supports: v.object({ version: v.number(), actions: v.array(v.string()), events: v.array(v.string()) }),
})

/** Null if the script says nothing of the kind: it knows version 1. */
export function parseSupports(stdout: string): Supports | null {
  const result = v.safeParse(supportsAnswer, jsonOrUndefined(stdout), { abortEarly: true })
  return result.success ? result.output.supports : null
}

const attributesAnswer = v.nullable(attributeList)

/** `[{"NAME":"VALUE"},…]`, in order; scripts say "none" as nothing at all or as `[{}]`. Undefined for anything else. */
export function parseAttributes(stdout: string): Attribute[] | undefined {
  if (stdout === '' || stdout === '[{}]') return []
  const result = v.safeParse(attributesAnswer, jsonOrUndefined(stdout), { abortEarly: true })
  return result.success ? (result.output ?? []) : undefined
}

/** Scripts written in C end their answer with a NUL. */
function jsonOrUndefined(text: string): unknown {
  let end = text.length
  while (text[end - 1] === '\0') end--
  try {
    return JSON.parse(text.slice(0, end))
  } catch {
    return undefined
  }
}
