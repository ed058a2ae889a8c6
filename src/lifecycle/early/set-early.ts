import { asVfioError, kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Run } from '../change/change.ts'
import { shownEnd } from '../change/program-end.ts'
import { deleteKept, pathOf, replaceKept } from '../files/durable-files.ts'
import { writeAll } from '../files/write-all.ts'
import { checkRoom } from './check-room.ts'
import { ruleFile, unfinishedFile } from './early-files.ts'
import { isRuleIn } from './look-into.ts'
import type { EarlyPlan, Remaking } from './plan-early.ts'

/** Time for the program that makes an initramfs, in milliseconds: minutes on a slow machine. */
const patienceMs = 1_800_000
const shortMs = 120_000

type Saying = Pick<ChangeOptions, 'onMessage' | 'signal'>

/**
 * Carries the plan out, under the lock of the settings: a copy of the initramfs, the files, the initramfs anew, a look
 * into it. What fails has all of it taken back, the initramfs by its copy.
 */
export async function setEarly(kernel: Kernel, plan: EarlyPlan, options: Saying): Promise<void> {
  const { files } = kernel
  const { remaking } = plan
  if (remaking !== null) await keepCopy(kernel, remaking)
  const takeBack = beginWriting(kernel, plan)
  try {
    if (remaking !== null) await remake(kernel, plan, remaking, options)
    endWriting(files)
  } catch (error) {
    const left = [...takeBack(), ...(remaking === null ? [] : putCopyBack(kernel, remaking))]
    attempt(() => endWriting(files))
    if (left.length === 0) throw withMore(asVfioError(error), 'early binding is as it was before')
    throw withMore(asVfioError(error), `it could not take back ${left.join(', ')}`, {
      code: 'APPLY_INCOMPLETE',
      facts: { left },
    })
  }
  for (const copy of remaking?.passing ?? []) attempt(() => files.unlink(copy))
}

/** Writes the files; if that fails, all is as before. */
function beginWriting(kernel: Kernel, plan: EarlyPlan): () => string[] {
  const { files } = kernel
  try {
    replaceKept(files, unfinishedFile, 'the initramfs is to be made anew\n')
    return writeAll(files, plan.files)
  } catch (error) {
    attempt(() => endWriting(files))
    if (plan.remaking !== null) attempt(() => files.unlink(plan.remaking?.copy ?? ''))
    throw error
  }
}

function endWriting(files: HostFiles): void {
  if (files.kind(pathOf(unfinishedFile)) !== null) deleteKept(files, unfinishedFile)
}

async function keepCopy(kernel: Kernel, { image, copy, keep }: Remaking): Promise<void> {
  await checkRoom(kernel, image)
  const failure = await failureOf(kernel, keep, shortMs)
  if (failure === null) return
  attempt(() => kernel.files.unlink(copy))
  throw new VfioError('SYSTEM_CALL_FAILED', `cannot keep a copy of ${image}, and so nothing is changed: ${failure}`, {
    path: copy,
    hint: `df ${folderOf(image)}; ls -l ${folderOf(image)}`,
  })
}

async function remake(kernel: Kernel, plan: EarlyPlan, remaking: Remaking, options: Saying): Promise<void> {
  const { image, copy, remake: run, list } = remaking
  if (options.signal?.aborted === true) throw new VfioError('INTERRUPTED', `interrupted before ${image} was made anew`)
  options.onMessage?.(`${image} is made anew, which may take minutes (its copy: ${copy}): ${shownRun(run)}`)
  const failure = await failureOf(kernel, run, patienceMs)
  if (failure !== null) throw notMade(image, run, failure)
  const isIn = list === null ? null : await isRuleIn(kernel, list)
  const isWanted = plan.devices.length > 0
  if (isIn === null) options.onMessage?.(`whether ${image} has the rule could not be looked up`)
  else if (isIn !== isWanted) {
    throw notMade(image, run, isWanted ? `${ruleFile.name} is not in it` : `${ruleFile.name} is still in it`)
  }
}

function notMade(image: string, run: Run, why: string): VfioError {
  return new VfioError('SYSTEM_CALL_FAILED', `${image} was not made anew: ${why}`, {
    path: image,
    hint: `run it by hand, and look at what it says: ${shownRun(run)}`,
  })
}

/** Answers what could not be done. */
function putCopyBack(kernel: Kernel, { image, copy }: Remaking): string[] {
  try {
    kernel.files.rename(copy, image)
    kernel.files.syncDirectory(folderOf(image))
    return []
  } catch (error) {
    return [`${image}, of which ${copy} is the copy (${kernelAnswer(error)})`]
  }
}

/** Null if it ended well, else the end of a sentence. */
async function failureOf(kernel: Kernel, { path, arguments: words }: Run, timeoutMs: number): Promise<string | null> {
  try {
    const end = await kernel.runProgram(path, { arguments: words, timeoutMs })
    return end.status === 0 ? null : `${path} ${shownEnd(end, timeoutMs)}`
  } catch (error) {
    return `${path} could not be run: ${kernelAnswer(error)}`
  }
}

function shownRun({ path, arguments: words }: Run): string {
  return [path, ...words].join(' ')
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function attempt(step: () => void): void {
  try {
    step()
  } catch {
    // the error before is told
  }
}
