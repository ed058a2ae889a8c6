import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change.ts'
import { calloutFolders, listScripts } from './scripts.ts'

/** A dry run asks no script, as a script may act: says so where there is one that could forbid the change. */
export function sayScriptsAreNotAsked(kernel: Kernel, { said }: ChangeOptions): void {
  const scripts = said === undefined ? [] : listScripts(kernel, calloutFolders)
  if (scripts.length > 0) said?.(`not asked in a dry run, and may forbid it: ${scripts.join(', ')}`)
}
