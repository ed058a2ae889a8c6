import { kernelAnswer } from '../../base/errors.ts'
import { programPath } from '../../host/program-path.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Run } from '../change/change.ts'
import { shownEnd } from '../change/program-end.ts'
import { mayBeModule } from './known-module.ts'

const modprobePatienceMs = 60_000

/**
 * The run that loads a module, by its name or one that modprobe takes for it; null if this host has no modprobe, or has
 * no such module.
 */
export function loadStep(files: HostFiles, module: string): Run | null {
  const modprobe = programPath(files, 'modprobe')
  return modprobe === null || !mayBeModule(files, module)
    ? null
    : { action: 'run', path: modprobe, arguments: ['--', module] }
}

/**
 * Null if modprobe ended well, else why not, as the end of a sentence: only the driver's folder shows if that matters.
 */
export async function loadModule(kernel: Kernel, { path, arguments: words }: Run): Promise<string | null> {
  const command = `modprobe ${words.join(' ')}`
  try {
    const end = await kernel.runProgram(path, { arguments: words, timeoutMs: modprobePatienceMs })
    return end.status === 0 ? null : `${command} ${shownEnd(end, modprobePatienceMs)}`
  } catch (error) {
    return `${command} could not be run: ${kernelAnswer(error)}`
  }
}
