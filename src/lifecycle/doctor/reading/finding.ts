import { escaped } from '../../../base/units.ts'

/**
 * Weight of a finding: a problem keeps VFIO, or what is kept for the next boots, from working; a warning will, or is
 * unsafe; a note is good to know.
 */
export type Severity = 'problem' | 'warning' | 'note'

/** A file that a finding rests on, and its content. */
export interface Evidence {
  readonly path: string
  /** In one line, cut if it is long; null if the file is not there, or empty. */
  readonly value: string | null
}

/** One thing about a host that keeps VFIO from working, or will. */
export interface Finding {
  /** In kebab-case, and the same in every version: 'group-not-viable'. */
  readonly id: string
  readonly severity: Severity
  /** The device that it is about, as commands take it; null for the host as a whole. */
  readonly device: string | null
  /** The fact, in one sentence. */
  readonly message: string
  readonly evidence: readonly Evidence[]
  /** The effect of it, in one sentence. */
  readonly consequence: string
  /** Command lines that mend it, in their order; none if no command does. */
  readonly commands: readonly string[]
  /**
   * The part of the mending that no command does: a setting of the firmware, an argument of the kernel. Null if none.
   */
  readonly advice: string | null
}

const longest = 200

/** The evidence of a file's content. */
export function seen(path: string, content: string | null): Evidence {
  const line = content?.trim().replace(/\s+/g, ' ') ?? ''
  const value = line.length > longest ? `${line.slice(0, longest)}…` : line
  return { path: escaped(path), value: value === '' ? null : escaped(value) }
}
