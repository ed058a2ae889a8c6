import { kernelAnswer, VfioError } from '../../errors.ts'
import { unreadable } from '../../host/warning.ts'
import type { Kernel, ProgramEnd } from '../../kernel/kernel.ts'
import { failedWith } from '../../kernel/system-error.ts'
import { printable } from '../../units.ts'

/** Where distributions and vendors put them; the second of each is mdevctl's older place. */
export const calloutFolders: readonly string[] = [
  '/usr/lib/mdevctl/scripts.d/callouts',
  '/etc/mdevctl.d/scripts.d/callouts',
]
export const notifierFolders: readonly string[] = [
  '/usr/lib/mdevctl/scripts.d/notifiers',
  '/etc/mdevctl.d/scripts.d/notifiers',
]

/** How long a script may take. s390-tools' ap-check waits for another one's lock. */
const patienceMs = 60_000

export interface ScriptOptions {
  /** Takes what a script says on its stderr. */
  readonly said?: (text: string) => void
  readonly timeoutMs?: number
}

/** The scripts of these folders by their paths, folder by folder, sorted by name as mdevctl runs them. */
export function listScripts({ files }: Kernel, folders: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    if (files.kind(folder) === null) return []
    try {
      return files
        .list(folder)
        .sort()
        .map((name) => `${folder}/${name}`)
    } catch (error) {
      if (failedWith(error, 'ENOENT', 'ENOTDIR')) return []
      throw new VfioError('CALLOUT_FAILED', unreadable(folder, error).message, {
        cause: error,
        path: folder,
        hint: `ls -ld ${folder}; scripts there may forbid what is asked for, so it is not done without them`,
      })
    }
  })
}

/**
 * Runs a script to its end, and tells what it said on stderr. Null for a file that is no program. One that hangs or is
 * killed is CALLOUT_FAILED: what it would have forbidden is not known.
 */
export async function runScript(
  kernel: Kernel,
  path: string,
  args: readonly string[],
  input: string,
  { said, timeoutMs = patienceMs }: ScriptOptions,
): Promise<(ProgramEnd & { readonly status: number }) | null> {
  let end: ProgramEnd
  try {
    end = await kernel.runProgram(path, { arguments: args, input, timeoutMs })
  } catch (error) {
    if (failedWith(error, 'EACCES', 'ENOEXEC', 'ENOENT')) return null
    throw new VfioError('CALLOUT_FAILED', `cannot run ${path}: ${kernelAnswer(error)}`, { cause: error, path })
  }
  const name = path.slice(path.lastIndexOf('/') + 1)
  for (const line of end.stderr.split('\n').filter(Boolean)) said?.(`${name}: ${printable(line)}`)
  if (end.status !== null && !end.timedOut) return { ...end, status: end.status }
  const how = end.timedOut ? `did not end within ${timeoutMs / 1000} s and was killed` : 'was killed by a signal'
  throw new VfioError('CALLOUT_FAILED', `${path} ${how}`, {
    path,
    hint: `run it by hand to see where it waits: ${path} ${args.join(' ')}`,
    facts: { script: path, timedOut: end.timedOut },
  })
}
