import { kernelAnswer } from '../../base/errors.ts'
import { programPath } from '../../host/program-path.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Run } from '../change/change.ts'

/** A command to systemd or udev, and the path (`runs`) that is there while that runs. */
interface Request {
  readonly name: string
  readonly arguments: readonly string[]
  readonly runs: string
}

const systemd = '/run/systemd/system'
const readers: readonly Request[] = [
  { name: 'systemctl', arguments: ['daemon-reload'], runs: systemd },
  { name: 'udevadm', arguments: ['control', '--reload'], runs: '/run/udev/control' },
]
const watchers: readonly Request[] = [
  { name: 'systemctl', arguments: ['stop', 'vfioctl-restore@*.path'], runs: systemd },
]

const patienceMs = 30_000

/** The steps that have systemd and udev read their files anew, if they run. */
export function reloadSteps(files: HostFiles): Run[] {
  return runsOf(files, readers)
}

/** The steps that end the units that wait for parents, before systemd forgets their files. */
export function stopSteps(files: HostFiles): Run[] {
  return runsOf(files, watchers)
}

function runsOf(files: HostFiles, requests: readonly Request[]): Run[] {
  return requests.flatMap(({ name, arguments: words, runs }) => {
    const path = programPath(files, name)
    return path === null || files.kind(runs) === null ? [] : [{ action: 'run', path, arguments: words }]
  })
}

/** Runs them, and says of each that failed what is left to do. */
export async function runReload(kernel: Kernel, steps: readonly Run[]): Promise<string[]> {
  const notes: string[] = []
  for (const { path, arguments: words } of steps) {
    const failure = await failureOf(kernel, path, words)
    if (failure !== null)
      notes.push(`${path} ${words.join(' ')} ${failure}: run it again, or it counts at the next boot`)
  }
  return notes
}

async function failureOf(kernel: Kernel, path: string, words: readonly string[]): Promise<string | null> {
  try {
    const { status, stderr } = await kernel.runProgram(path, { arguments: words, timeoutMs: patienceMs })
    return status === 0 ? null : `failed (${status ?? 'killed'}) with '${stderr.trim()}'`
  } catch (error) {
    return `could not be run: ${kernelAnswer(error)}`
  }
}
