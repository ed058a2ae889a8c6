import { setTimeout as sleep } from 'node:timers/promises'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { PciAddress } from '../../base/units.ts'
import { onPci } from '../../host/bus/bus-device.ts'
import { boundDriver } from '../../host/group-members.ts'
import { pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles, Kernel, ProgramEnd } from '../../kernel/kernel.ts'
import { overrideStep, probeStep, unbindStep } from '../bindings/change-driver.ts'
import type { Step, Write } from '../change/change.ts'
import { shownEnd } from '../change/program-end.ts'
import { markHalfConfigured, unmarkHalfConfigured } from '../device/half-configured.ts'

/** NVIDIA's script: its driver refuses sriov_numvfs, and steps aside for it. */
const program = '/usr/lib/nvidia/sriov-manage'
const timeoutMs = 300_000
/** Monitoring holds the GPU for moments. */
const attempts = 3
const pauseMs = 500

/** The step that runs NVIDIA's script for a card. */
export function manageStep(card: PciAddress, enable: boolean): Extract<Step, { action: 'run' }> {
  return { action: 'run', path: program, arguments: [enable ? '-e' : '-d', card] }
}

/** Its own driver: the script puts another in its place meanwhile. */
const driver = 'nvidia'

/**
 * Enables all virtual functions of a card, or none. DEVICE_BUSY if something goes on holding the GPU. A mark stands
 * meanwhile, and after a failure that left the card another one than before: it is as a card that was killed half way.
 */
export async function manageSriov(kernel: Kernel, card: PciAddress, enable: boolean): Promise<void> {
  const { files } = kernel
  if (!kernel.runsPrograms) {
    const what = `${card} has its functions by ${program}, and programs below another root are not run`
    throw new VfioError('NOT_SUPPORTED', what, {
      path: program,
      hint: 'on that machine itself: vfioctl sriov',
      facts: { card },
    })
  }
  const before = stateOf(files, card)
  markHalfConfigured(files, card)
  try {
    const autoprobe = readPhysicalFunction(files, card)?.autoprobe ?? null
    await runWhenFree(kernel, card, manageStep(card, enable).arguments, autoprobe)
  } catch (error) {
    if (stateOf(files, card) === before) unmarkHalfConfigured(files, card)
    throw error
  }
  unmarkHalfConfigured(files, card)
}

async function runWhenFree(
  kernel: Kernel,
  card: PciAddress,
  args: readonly string[],
  autoprobe: boolean | null,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const end = await run(kernel, card, args)
    if (end.status === 0) return
    const isHeld = /unbindLock/.test(end.stdout + end.stderr)
    if (!isHeld || attempt === attempts) throw await manageFailed(kernel, card, end, { isHeld, autoprobe })
    await sleep(pauseMs)
  }
}

function stateOf(files: HostFiles, card: PciAddress): string {
  const found = readPhysicalFunction(files, card)
  return `${found?.driver} ${found?.functions.join()} ${found?.autoprobe}`
}

/** DEVICE_BUSY if the script is at work on the card: whoever began it may have been killed meanwhile. */
export function checkNotManaged(files: HostFiles, card: PciAddress): void {
  const pid = files.list('/proc').find((name) => /^[1-9]\d*$/.test(name) && isManaging(files, name, card))
  if (pid === undefined) return
  throw new VfioError('DEVICE_BUSY', `sriov-manage (pid ${pid}) is still at work on ${card}`, {
    hint: 'wait until it has ended, then try again',
    facts: { card, pid: Number(pid) },
  })
}

function isManaging(files: HostFiles, pid: string, card: PciAddress): boolean {
  const argv = readOrEmpty(files, `/proc/${pid}/cmdline`).split('\0')
  return argv.some((word) => word.endsWith('/sriov-manage')) && (argv.includes(card) || argv.includes('ALL'))
}

/** The writes that give a card back to its own driver; none if that has it. */
function driverBackSteps(files: HostFiles, address: PciAddress): Write[] {
  const now = boundDriver(files, `${pciPath(address)}/driver`)
  if (now === driver) return []
  return [
    overrideStep(onPci(address), null),
    ...(now === null ? [] : [unbindStep(onPci(address))]),
    probeStep(onPci(address)),
  ]
}

/**
 * The writes that end what a killed script was at: it has the drivers keep off functions meanwhile, and no longer at
 * its end.
 */
export function recoverySteps(files: HostFiles, card: PciAddress): Write[] {
  return [...driverBackSteps(files, card), ...probingBackSteps(files, card, true)]
}

/** The write that lets drivers have functions as before the script, or not; none if it is so. */
function probingBackSteps(files: HostFiles, card: PciAddress, before: boolean | null): Write[] {
  const now = readPhysicalFunction(files, card)?.autoprobe ?? null
  if (now === null || before === null || now === before) return []
  return [{ action: 'write', path: `${pciPath(card)}/sriov_drivers_autoprobe`, value: before ? '1' : '0' }]
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

/**
 * It may leave the card without its driver, or with the one that it puts in its place, and drivers kept off functions,
 * as it has them meanwhile: then that is undone first.
 */
async function manageFailed(
  kernel: Kernel,
  card: PciAddress,
  end: ProgramEnd,
  { isHeld, autoprobe }: { readonly isHeld: boolean; readonly autoprobe: boolean | null },
): Promise<VfioError> {
  const left = (await giveDriverBack(kernel, card)) + (await giveProbingBack(kernel, card, autoprobe))
  return new VfioError(
    isHeld ? 'DEVICE_BUSY' : 'SYSTEM_CALL_FAILED',
    `sriov-manage for ${card} ${shownEnd(end, timeoutMs)}${left}`,
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
  const link = `${pciPath(card)}/driver`
  const had = boundDriver(files, link)
  const left = had === null ? 'without a driver' : `with ${had}`
  const steps = driverBackSteps(files, card)
  if (steps.length === 0) return ''
  try {
    for (const { path, value } of steps) await files.write(path, value)
  } catch (error) {
    return `; it left the card ${left}, and giving it back failed: ${kernelAnswer(error)}`
  }
  const now = boundDriver(files, link)
  return now === null ? '; it left the card without a driver' : `; it left the card ${left}, and ${now} has it again`
}

async function giveProbingBack({ files }: Kernel, card: PciAddress, before: boolean | null): Promise<string> {
  try {
    for (const { path, value } of probingBackSteps(files, card, before)) await files.write(path, value)
    return ''
  } catch (error) {
    const left = `it left sriov_drivers_autoprobe ${before === true ? 'off' : 'on'}`
    return `; ${left}, and giving that back failed: ${kernelAnswer(error)}`
  }
}
