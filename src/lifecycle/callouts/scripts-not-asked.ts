import { escaped } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { calloutFolders, listScripts } from './scripts.ts'

type Listener = NonNullable<ChangeOptions['onMessage']>

/** A dry run asks no script, as a script may act: says so if there is one that could forbid the change. */
export function sayScriptsAreNotAsked(kernel: Kernel, { onMessage: said }: Pick<ChangeOptions, 'onMessage'>): void {
  tell(kernel, 'in a dry run', said)
}

const told = new WeakSet<Listener>()

/** Nor are those of another machine run on this one. Many changes that have one listener say it once. */
export function sayScriptsAreElsewhere(kernel: Kernel, { onMessage: said }: Pick<ChangeOptions, 'onMessage'>): void {
  if (said === undefined || told.has(said)) return
  told.add(said)
  tell(kernel, 'below another root', said)
}

function tell(kernel: Kernel, where: string, said: Listener | undefined): void {
  const scripts = said === undefined ? [] : listScripts(kernel, calloutFolders)
  if (scripts.length > 0) said?.(`not asked ${where}, and may forbid it: ${scripts.map(escaped).join(', ')}`)
}
