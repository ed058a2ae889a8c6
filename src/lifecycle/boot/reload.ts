import { kernelAnswer } from '../../errors.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Step } from '../change.ts'

type Run = Extract<Step, { action: 'run' }>

/** Who reads units and rules: the program that has it do so, and what is there while it runs. */
const readers = [
  { name: 'systemctl', arguments: ['daemon-reload'], runs: '/run/systemd/system' },
  { name: 'udevadm', arguments: ['control', '--reload'], runs: '/run/udev/control' },
] as const

const folders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'] as const
const patienceMs = 30_000

/** What has systemd and udev read their files anew, where they run. */
export function reloadSteps(files: HostFiles): Run[] {
  return readers.flatMap(({ name, arguments: words, runs }) => {
    const path = folders.map((folder) => `${folder}/${name}`).find((at) => files.kind(at) !== null)
    return path === undefined || files.kind(runs) === null ? [] : [{ action: 'run', path, arguments: words }]
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
