import { kernelAnswer } from '../../base/errors.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { shownEnd } from '../change/program-end.ts'

const modprobePatienceMs = 60_000

/** The run of modprobe that loads a module. */
export type LoadStep = Extract<Step, { action: 'run' }>

/** The run that loads a module, by its name or one that modprobe takes for it; null if this host has no modprobe. */
export function loadStep(files: HostFiles, module: string): LoadStep | null {
  const modprobe = ['/usr/sbin/modprobe', '/sbin/modprobe'].find((path) => files.kind(path) !== null)
  return modprobe === undefined ? null : { action: 'run', path: modprobe, arguments: ['--', module] }
}

/** Null if modprobe ended well, else why not, as the end of a sentence: only the driver's folder shows if that matters. */
export async function loadModule(kernel: Kernel, { path, arguments: words }: LoadStep): Promise<string | null> {
  const command = `modprobe ${words.join(' ')}`
  try {
    const end = await kernel.runProgram(path, { arguments: words, timeoutMs: modprobePatienceMs })
    return end.status === 0 ? null : `${command} ${shownEnd(end, modprobePatienceMs)}`
  } catch (error) {
    return `${command} could not be run: ${kernelAnswer(error)}`
  }
}
