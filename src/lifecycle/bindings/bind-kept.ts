import { VfioError } from '../../base/errors.ts'
import { type BusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import type { KeptBinding } from '../settings/bindings.ts'
import { bind } from './bind.ts'
import { readModalias } from './bind-changes.ts'

/** Gives a device the driver that is kept for it, whose module nobody else may have asked for at boot. */
export async function bindKept(
  kernel: Kernel,
  device: BusDevice,
  kept: KeptBinding,
  options: ChangeOptions,
): Promise<{ readonly changed: boolean; readonly steps: readonly Step[] }> {
  checkSameDevice(kernel.files, device, kept)
  // force is about callouts here: it takes no device from whoever uses it
  const { force: _, ...others } = options
  const [change] = await bind(kernel, { device: shownDevice(device), driver: kept.driver, transient: true }, others)
  return { changed: change?.changed === true, steps: change?.steps ?? [] }
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
