import { setTimeout as sleep } from 'node:timers/promises'
import { kernelAnswer, VfioError } from '../../errors.ts'
import { pciPath } from '../../host/sriov.ts'
import type { Kernel, ProgramEnd } from '../../kernel/kernel.ts'
import { failedWith } from '../../kernel/system-error.ts'
import { type PciAddress, printable } from '../../units.ts'
import { boundDriver } from '../../vfio/group-members.ts'
import type { Step } from '../change.ts'

/** NVIDIA's script: its driver refuses sriov_numvfs, and steps aside for it. */
const program = '/usr/lib/nvidia/sriov-manage'
const timeoutMs = 300_000
/** Monitoring holds the GPU for moments. */
const attempts = 3
const pauseMs = 500

export function manageStep(card: PciAddress, enable: boolean): Extract<Step, { action: 'run' }> {
  return { action: 'run', path: program, arguments: [enable ? '-e' : '-d', card] }
}

/** Enables all virtual functions of a card, or none. DEVICE_BUSY where something goes on holding the GPU. */
export async function manageSriov(kernel: Kernel, card: PciAddress, enable: boolean): Promise<void> {
  const { arguments: args } = manageStep(card, enable)
  for (let attempt = 1; ; attempt++) {
    const end = await run(kernel, card, args)
    if (end.status === 0) return
    const isHeld = /unbindLock/.test(end.stdout + end.stderr)
    if (!isHeld || attempt === attempts) throw await manageFailed(kernel, card, end, isHeld)
    await sleep(pauseMs)
  }
}

async function run(kernel: Kernel, card: PciAddress, args: readonly string[]): Promise<ProgramEnd> {
  try {
    return await kernel.runProgram(program, { arguments: args, timeoutMs })
  } catch (cause) {
    const isMissing = failedWith(cause, 'ENOENT')
    throw new VfioError(
      isMissing ? 'NOT_SUPPORTED' : 'SYSTEM_CALL_FAILED',
      `cannot run ${program}, which NVIDIA's driver needs for virtual functions: ${kernelAnswer(cause)}`,
      { cause, path: program, hint: "it comes with NVIDIA's vGPU host driver", facts: { card } },
    )
  }
}

/** It may leave the card without its driver: then that is undone first. */
async function manageFailed(kernel: Kernel, card: PciAddress, end: ProgramEnd, isHeld: boolean): Promise<VfioError> {
  const said = printable((end.stderr.trim() || end.stdout.trim()).split('\n').at(-1) ?? '')
  const how = end.timedOut ? `did not end in ${timeoutMs / 1000} s` : `ended with ${end.status ?? 'a signal'}`
  const left = await giveDriverBack(kernel, card)
  return new VfioError(
    isHeld ? 'DEVICE_BUSY' : 'SYSTEM_CALL_FAILED',
    `sriov-manage for ${card} ${how}${said === '' ? '' : `: ${said}`}${left}`,
    {
      path: program,
      hint: isHeld
        ? `stop what holds the GPU (virtual machines; nvidia-smi, dcgm and their like): fuser -v /dev/nvidia*`
        : 'dmesg | tail',
      facts: { card, status: end.status },
    },
  )
}

async function giveDriverBack({ files }: Kernel, card: PciAddress): Promise<string> {
  const path = pciPath(card)
  if (boundDriver(files, `${path}/driver`) !== null) return ''
  try {
    await files.write(`${path}/driver_override`, '\n')
    await files.write('/sys/bus/pci/drivers_probe', card)
  } catch (error) {
    return `; it left the card without a driver, and giving it back failed: ${kernelAnswer(error)}`
  }
  const driver = boundDriver(files, `${path}/driver`)
  return driver === null ? '; it left the card without a driver' : `; the card is with ${driver} again`
}
