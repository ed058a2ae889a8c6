import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { pciDrivers, readPciBinding } from '../../host/pci-binding.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import type { KeptBinding } from '../settings/bindings.ts'
import { bind, bindingSteps, noDriver } from './bind.ts'

const modprobePatienceMs = 60_000

/** The module of its driver comes first: at boot nobody else has asked for it. */
export async function bindKept(
  kernel: Kernel,
  address: PciAddress,
  kept: KeptBinding,
  options: ChangeOptions,
): Promise<{ readonly changed: boolean; readonly steps: readonly Step[] }> {
  const { files } = kernel
  checkSameCard(files, address, kept)
  const load = loadStep(files, kept.driver)
  if (load !== null && options.dryRun === true) {
    return { changed: true, steps: [load, ...bindingSteps(readPciBinding(files, address), kept.driver)] }
  }
  if (load !== null) await runModprobe(kernel, load)
  // force is about callouts here: it takes no device from whoever uses it
  const { force: _, ...others } = options
  const [change] = await bind(kernel, { device: address, driver: kept.driver, transient: true }, others)
  return { changed: change?.changed === true, steps: [...(load === null ? [] : [load]), ...(change?.steps ?? [])] }
}

/** Addresses move when cards do: what stands there now may be the disk. */
export function isKeptCard(files: HostFiles, address: PciAddress, { vendor, device }: KeptBinding): boolean {
  const now = readPciIds(files, address, [])
  return now.vendor === vendor && now.device === device
}

function checkSameCard(files: HostFiles, address: PciAddress, kept: KeptBinding): void {
  if (isKeptCard(files, address, kept)) return
  const { vendor, device } = kept
  const now = readPciIds(files, address, [])
  throw new VfioError(
    'NOT_SUPPORTED',
    `${address} is another device than the one whose driver was kept: ${now.vendor}:${now.device}, not ${vendor}:${device}`,
    {
      hint: `lspci -nns ${address}; vfioctl bind ${address}, or vfioctl release ${address} to forget it`,
      facts: { device: address },
    },
  )
}

type Run = Extract<Step, { action: 'run' }>

function loadStep(files: HostFiles, driver: string): Run | null {
  const modprobe = ['/usr/sbin/modprobe', '/sbin/modprobe'].find((path) => files.kind(path) !== null)
  if (driver === noDriver || modprobe === undefined || files.kind(`${pciDrivers}/${driver}`) !== null) return null
  return { action: 'run', path: modprobe, arguments: ['--', driver] }
}

/** Where it fails, binding says that there is no such driver, and what to do. */
async function runModprobe(kernel: Kernel, { path, arguments: words }: Run): Promise<void> {
  await kernel.runProgram(path, { arguments: words, timeoutMs: modprobePatienceMs }).catch(() => {})
}
