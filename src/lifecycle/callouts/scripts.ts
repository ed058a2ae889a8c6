import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { escaped, printable } from '../../base/units.ts'
import { realPlace } from '../../host/changeable-by-others.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import { unreadable } from '../../host/warning.ts'
import type { HostFiles, Kernel, ProgramEnd } from '../../kernel/kernel.ts'

/** Folders of callouts, from distributions and vendors; the second of each is mdevctl's older place. */
export const calloutFolders: readonly string[] = [
  '/usr/lib/mdevctl/scripts.d/callouts',
  '/etc/mdevctl.d/scripts.d/callouts',
]
/** The folders of notifiers, which are told and cannot refuse. */
export const notifierFolders: readonly string[] = [
  '/usr/lib/mdevctl/scripts.d/notifiers',
  '/etc/mdevctl.d/scripts.d/notifiers',
]

/** The time a script may take, in milliseconds. s390-tools' ap-check waits for another one's lock. */
const patienceMs = 60_000

/** Options for running a script: its deadline, its signal, the listener to its stderr. */
export interface ScriptOptions {
  /** Takes what a script says on its stderr. */
  readonly onMessage?: (text: string) => void
  readonly timeoutMs?: number
  /** Aborted if the command is interrupted: the script that runs is ended. */
  readonly signal?: AbortSignal
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
 * Runs a script to its end, and tells what it said on stderr. Null for a file that is no program. CALLOUT_FAILED if it
 * cannot be run, is not only root's, hangs or is killed: what it would have forbidden is not known.
 */
export async function runScript(
  kernel: Kernel,
  path: string,
  args: readonly string[],
  input: string,
  { onMessage: said, timeoutMs = patienceMs, signal }: ScriptOptions,
): Promise<(ProgramEnd & { readonly status: number }) | null> {
  let end: ProgramEnd
  try {
    if (!isProgram(kernel.files, path)) return null
    checkOwners(kernel.files, path)
    end = await kernel.runProgram(path, { arguments: args, input, timeoutMs, endsWithUs: true })
  } catch (error) {
    if (error instanceof VfioError) throw error
    throw new VfioError('CALLOUT_FAILED', `cannot run ${escaped(path)}: ${kernelAnswer(error)}`, {
      cause: error,
      path,
      hint: hintFor(kernel.files, path, error),
    })
  }
  const name = escaped(path.slice(path.lastIndexOf('/') + 1))
  for (const line of end.stderr.split('\n').filter(Boolean)) said?.(`${name}: ${escaped(line)}`)
  if (end.status !== null && !end.timedOut) return { ...end, status: end.status }
  if (signal?.aborted === true)
    throw new VfioError('INTERRUPTED', `interrupted while ${escaped(path)} was asked`, { path })
  const how = end.timedOut ? `did not end within ${timeoutMs / 1000} s and was killed` : 'was killed by a signal'
  throw new VfioError('CALLOUT_FAILED', `${escaped(path)} ${how}`, {
    path,
    hint: `run it by hand to see where it waits: ${escaped([path, ...args].join(' '))}`,
    facts: { script: path, timedOut: end.timedOut },
  })
}

/**
 * True if a file among the scripts is to be run: a README or a folder is not. One that looks like a program and lacks
 * its permission is CALLOUT_FAILED, as nobody knows what it would say.
 */
function isProgram(files: HostFiles, path: string): boolean {
  const kind = files.kind(path)
  if (kind === 'directory') return false
  if (kind !== 'file' || (files.owner(path).mode & 0o111) !== 0) return true
  if (!/^(?:#!|\x7fELF)/.test(files.read(path))) return false
  throw new VfioError('CALLOUT_FAILED', `${escaped(path)} is a program that nobody may execute`, {
    path,
    hint: `chmod +x ${escaped(path)}; or move it out of its folder, if it is not to be asked`,
  })
}

/** CALLOUT_FAILED if others can change a script of root's: they would be root. */
function checkOwners(files: HostFiles, path: string): void {
  const why = realPlace(files, path).changeable
  if (why === null) return
  throw new VfioError('CALLOUT_FAILED', `${escaped(path)} is not run: ${escaped(why)}`, {
    path,
    hint: 'scripts and the folders above them must be root’s, and writable by nobody else: chown root:root, chmod go-w',
  })
}

/** ENOENT of a script that is there is its interpreter's. */
function hintFor(files: HostFiles, path: string, error: unknown): string {
  const isInterpreters = failedWith(error, 'ENOENT', 'EACCES', 'ENOEXEC')
  const [line = ''] = isInterpreters ? readOrEmpty(files, path).split('\n', 1) : []
  if (line.endsWith('\r'))
    return `its lines end in CR LF, and so does the interpreter’s name: sed -i 's/\\r$//' ${escaped(path)}`
  if (line.startsWith('#!')) return `its first line asks for ${printable(line.slice(2).trim())}: install that`
  return `ls -l ${escaped(path)}; what it would forbid is not known, so it is not done without it`
}
