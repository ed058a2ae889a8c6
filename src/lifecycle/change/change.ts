import type { DeviceIdentity } from './device-identity.ts'

/** One change to the host, exactly as it is or would be made. */
export type Step =
  /** A write to an existing sysfs attribute. */
  | { readonly action: 'write'; readonly path: string; readonly value: string }
  /** A file, replaced or made as a whole. */
  | { readonly action: 'save'; readonly path: string; readonly content: string }
  | { readonly action: 'delete'; readonly path: string }
  /** A program of the host. */
  | { readonly action: 'run'; readonly path: string; readonly arguments: readonly string[] }
  /** A device node given to a user and a group, by their numbers. */
  | { readonly action: 'chown'; readonly path: string; readonly uid: number; readonly gid: number }
  /** Its permission bits in octal: '0660'. */
  | { readonly action: 'chmod'; readonly path: string; readonly mode: string }

/** A step that is a write to sysfs. */
export type Write = Extract<Step, { action: 'write' }>

/** A step that runs a program. */
export type Run = Extract<Step, { action: 'run' }>

/** The change that a verb made, or with `dryRun` would make. No steps: it was already so. */
export type Change<Identity extends DeviceIdentity = DeviceIdentity> = Identity & {
  readonly parent: string
  /** Null if nothing says it: a definition that nobody can read, a device that was not running anyway. */
  readonly type: string | null
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}

/** Options for making a change, showing it or ending it early. */
export interface ChangeOptions {
  /** Say the exact writes, make none. */
  readonly dryRun?: boolean
  /** Stops between two writes and takes back what was made: INTERRUPTED. */
  readonly signal?: AbortSignal
  /** Go on although a callout script of the vendor refuses. */
  readonly force?: boolean
  /** Takes, line by line, what callout scripts say on their stderr. */
  readonly onMessage?: (line: string) => void
}
