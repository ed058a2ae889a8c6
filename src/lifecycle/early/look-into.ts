import type { Kernel } from '../../kernel/kernel.ts'
import type { Run } from '../change/change.ts'
import { ruleFile } from './early-files.ts'

/** Time for a program that lists an image, in milliseconds. */
const patienceMs = 120_000

/** True if the rule is in the image that the program lists; null if it could not be looked into. */
export async function isRuleIn(kernel: Kernel, { path, arguments: words }: Run): Promise<boolean | null> {
  try {
    const { status, stdout } = await kernel.runProgram(path, { arguments: words, timeoutMs: patienceMs })
    return status === 0 ? stdout.includes(`/${ruleFile.name}`) : null
  } catch {
    return null
  }
}
