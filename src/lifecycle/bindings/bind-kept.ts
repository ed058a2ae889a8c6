import { asVfioError, kernelAnswer, VfioError, withMore } from '../../base/errors.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { readBinding } from '../../host/driver-binding.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { shownEnd } from '../change/program-end.ts'
import type { KeptBinding } from '../settings/bindings.ts'
import { bind, bindingSteps, noDriver, readModalias } from './bind.ts'

const modprobePatienceMs = 60_000

/** The module of its driver comes first: at boot nobody else has asked for it. */
export async function bindKept(
  kernel: Kernel,
  device: BusDevice,
  kept: KeptBinding,
  options: ChangeOptions,
): Promise<{ readonly changed: boolean; readonly steps: readonly Step[] }> {
  const { files } = kernel
  checkSameDevice(files, device, kept)
  const load = loadStep(files, device, kept.driver)
  if (load !== null && options.dryRun === true) {
    return { changed: true, steps: [load, ...bindingSteps(readBinding(files, device), kept.driver)] }
  }
  const refusal = load === null ? null : await runModprobe(kernel, load)
  // force is about callouts here: it takes no device from whoever uses it
  const { force: _, ...others } = options
  const request = { device: shownDevice(device), driver: kept.driver, transient: true }
  const [change] = await bind(kernel, request, others).catch((error: unknown) => {
    throw refusal === null ? error : withMore(asVfioError(error), refusal)
  })
  return { changed: change?.changed === true, steps: [...(load === null ? [] : [load]), ...(change?.steps ?? [])] }
}

/** Names and addresses move when cards do: what stands there now may be the disk. */
export function isKeptDevice(files: HostFiles, device: BusDevice, kept: KeptBinding): boolean {
  return whatItIs(files, device) === whatWasKept(kept)
}

function whatItIs(files: HostFiles, device: BusDevice): string {
  if (device.bus !== 'pci') return String(readModalias(files, device))
  const now = readPciIds(files, device.name, [])
  return `${now.vendor}:${now.device}`
}

function whatWasKept(kept: KeptBinding): string {
  return 'bus' in kept ? String(kept.modalias) : `${kept.vendor}:${kept.device}`
}

function checkSameDevice(files: HostFiles, device: BusDevice, kept: KeptBinding): void {
  if (isKeptDevice(files, device, kept)) return
  const shown = shownDevice(device)
  const look = device.bus === 'pci' ? `lspci -nns ${shown}` : `vfioctl groups ${shown}`
  throw new VfioError(
    'NOT_SUPPORTED',
    `${shown} is another device than the one whose driver was kept: ${whatItIs(files, device)}, not ${whatWasKept(kept)}`,
    {
      hint: `${look}; vfioctl bind ${shown}, or vfioctl release ${shown} to forget it`,
      facts: { device: device.name },
    },
  )
}

type Run = Extract<Step, { action: 'run' }>

function loadStep(files: HostFiles, { bus }: BusDevice, driver: string): Run | null {
  const modprobe = ['/usr/sbin/modprobe', '/sbin/modprobe'].find((path) => files.kind(path) !== null)
  if (driver === noDriver || modprobe === undefined || files.kind(`${busNamed(bus).drivers}/${driver}`) !== null)
    return null
  return { action: 'run', path: modprobe, arguments: ['--', driver] }
}

/** Null if it loaded the module, else why not, as the end of a sentence: only the binding shows if that matters. */
async function runModprobe(kernel: Kernel, { path, arguments: words }: Run): Promise<string | null> {
  const command = `modprobe ${words.join(' ')}`
  try {
    const end = await kernel.runProgram(path, { arguments: words, timeoutMs: modprobePatienceMs })
    return end.status === 0 ? null : `${command} ${shownEnd(end, modprobePatienceMs)}`
  } catch (error) {
    return `${command} could not be run: ${kernelAnswer(error)}`
  }
}
