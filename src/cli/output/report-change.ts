import { escaped, printable } from '../../base/units.ts'
import type { Change, Step } from '../../lifecycle/change/change.ts'
import type { Context } from '../command/context.ts'
import type { Io } from '../io/io.ts'
import { json } from './output.ts'

/** The sentences for a change that was made, and for one that was not needed. */
export interface Report {
  /** For people, on stderr: what was done, or why nothing was. */
  readonly done: (change: Change) => string
  readonly already: (change: Change) => string
  /** True if the caller gave no name: the new one is data, which scripts capture from stdout. */
  readonly printName?: boolean
}

/** Says what a changing command did, or with --dry-run the writes it would make. */
export function reportChange(change: Change, { options }: Context, io: Io, report: Report): void {
  if (options.json) io.out(json(change))
  else if (change.dryRun) reportDryRun([change], io, report.already)
  else {
    if (report.printName === true) io.out(`${change.name}\n`)
    io.err(`${change.changed ? report.done(change) : report.already(change)}\n`)
  }
}

/** The steps that a dry run would make, one line each on stdout. */
export function reportDryRun<T extends Pick<Change, 'changed' | 'steps'>>(
  changes: readonly T[],
  io: Io,
  already: (change: T) => string,
): void {
  for (const change of changes) {
    if (change.changed) io.out(change.steps.map((step) => `${shownStep(step)}\n`).join(''))
    else io.err(`${already(change)}\n`)
  }
}

/** A step as a line that could be typed. */
export function shownStep(step: Step): string {
  const path = escaped(step.path)
  if (step.action === 'write') return `write '${printable(step.value)}' > ${path}`
  if (step.action === 'delete') return `delete ${path}`
  if (step.action === 'run') return `run ${[path, ...step.arguments.map(escaped)].join(' ')}`
  if (step.action === 'chown') return `chown ${step.uid}:${step.gid} ${path}`
  if (step.action === 'chmod') return `chmod ${step.mode} ${path}`
  return `save ${path}\n${step.content.trimEnd().replace(/^/gm, '  ')}`
}
