import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { VfioError } from '../base/errors.ts'
import { commands } from './command/commands.ts'
import type { Io } from './io/io.ts'

/** Topics of the manual beside the commands, each with its section. */
export const topics: Readonly<Record<string, 5 | 7>> = { spec: 5, library: 7 }

/**
 * Shows the page of a command, of a topic, or with null of the program. False if the text of --help is to take its
 * place: without a terminal or man(1), and for what is no command. NOT_FOUND for a topic that cannot be shown, as it
 * has no such text.
 */
export async function showHelp(about: string | null, io: Pick<Io, 'showPage'>): Promise<boolean> {
  const section = about !== null && Object.hasOwn(topics, about) ? topics[about] : undefined
  if (about !== null && section === undefined && !Object.hasOwn(commands, about)) return false
  // beside the folder of the program, whose file this is a part of
  const name = about === null ? 'vfioctl' : `vfioctl-${about}`
  const path = join(import.meta.dirname, '../man', `${name}.${section ?? 1}`)
  if (existsSync(path) && (await io.showPage(path, section === undefined ? 'terminal' : 'anywhere'))) return true
  if (section === undefined) return false
  throw new VfioError('NOT_FOUND', `no man(1) shows ${name}(${section}) here`, {
    path,
    hint: `install it (Debian: apt-get install man-db); the page is ${path}`,
  })
}
