import type { ChangeOptions } from '../../lifecycle/change/change.ts'
import type { Io } from '../io/io.ts'

/** Options of a changing command, as they were given; messages of callout scripts go to stderr. */
export function changeOptions(values: { readonly 'dry-run': boolean; readonly force: boolean }, io: Io): ChangeOptions {
  return { dryRun: values['dry-run'], force: values.force, onMessage: (line) => io.err(`${line}\n`) }
}

/** The properties that were given: optional ones must be absent, not undefined. */
export function given<T extends Readonly<Record<string, unknown>>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
