import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { PciAddress } from '../../base/units.ts'
import type { Kernel, ProgramEnd } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { shownEnd } from '../change/program-end.ts'

/** NVIDIA's tool: the only way to the modes of its cards, of which sysfs has nothing. */
const program = '/usr/bin/nvidia-smi'
/** It answers in seconds; a card that hangs makes it hang too. */
const timeoutMs = 60_000

/** Exit statuses of nvidia-smi, which are NVML's errors (nvmlReturn_t in nvml.h). */
const notFound = 6
const inUse = 19

/** The step that runs it with these words. */
export function smiStep(words: readonly string[]): Extract<Step, { action: 'run' }> {
  return { action: 'run', path: program, arguments: words }
}

/**
 * Text that nvidia-smi answers with. DEVICE_BUSY if something else uses the card, NOT_SUPPORTED without the tool or
 * below another root, and otherwise SYSTEM_CALL_FAILED with what it said.
 */
export async function askSmi(kernel: Kernel, card: PciAddress, words: readonly string[]): Promise<string> {
  const end = await run(kernel, card, words)
  if (end.status === 0) return end.stdout
  throw smiFailed(card, words, end)
}

/** The same; null if what is asked for is not there (NVML_ERROR_NOT_FOUND). */
export async function askSmiOrNone(kernel: Kernel, card: PciAddress, words: readonly string[]): Promise<string | null> {
  const end = await run(kernel, card, words)
  if (end.status === notFound) return null
  if (end.status === 0) return end.stdout
  throw smiFailed(card, words, end)
}

async function run(kernel: Kernel, card: PciAddress, words: readonly string[]): Promise<ProgramEnd> {
  const facts = { card }
  if (!kernel.runsPrograms) {
    const what = `the modes of ${card} are set by ${program}, and programs below another root are not run`
    throw new VfioError('NOT_SUPPORTED', what, { path: program, hint: 'on that machine itself', facts })
  }
  try {
    return await kernel.runProgram(program, { arguments: words, timeoutMs })
  } catch (cause) {
    const isMissing = failedWith(cause, 'ENOENT')
    const what = `cannot run ${program}, which NVIDIA's driver comes with: ${kernelAnswer(cause)}`
    throw new VfioError(isMissing ? 'NOT_SUPPORTED' : 'SYSTEM_CALL_FAILED', what, {
      cause,
      path: program,
      hint: "it comes with NVIDIA's vGPU host driver",
      facts,
    })
  }
}

function smiFailed(card: PciAddress, words: readonly string[], end: ProgramEnd): VfioError {
  const isHeld = end.status === inUse || /In use by another client/.test(end.stdout + end.stderr)
  return new VfioError(
    isHeld ? 'DEVICE_BUSY' : 'SYSTEM_CALL_FAILED',
    `nvidia-smi ${words.join(' ')} ${shownEnd(end, timeoutMs)}`,
    {
      path: program,
      hint: isHeld
        ? 'stop what holds the GPU (virtual machines; dcgm, nvidia-persistenced and their like): fuser -v /dev/nvidia*'
        : words.includes('-cgi')
          ? `nvidia-smi mig -i ${card} -lgip lists the profiles, and how many of each are free; dmesg | tail`
          : `nvidia-smi -q -i ${card}; dmesg | tail`,
      facts: { card, status: end.status },
    },
  )
}
