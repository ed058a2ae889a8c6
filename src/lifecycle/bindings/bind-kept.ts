import { VfioError, withMore } from '../../base/errors.ts'
import { type BusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import type { KeptBinding } from '../settings/bindings.ts'
import { bind } from './bind.ts'
import { isKeptDevice, whatItIs, whatWasKept } from './kept-device.ts'

/**
 * Gives a device the driver that is kept for it, whose module nobody else may have asked for at boot, and its settings.
 * If the kernel refuses a setting, the first such refusal is thrown, and the device has its driver all the same.
 */
export async function bindKept(
  kernel: Kernel,
  device: BusDevice,
  kept: KeptBinding,
  options: ChangeOptions,
): Promise<{ readonly changed: boolean; readonly steps: readonly Step[]; readonly driver: string | null }> {
  checkSameDevice(kernel.files, device, kept)
  // force is about callouts here: it takes no device from whoever uses it
  const { force: _, ...others } = options
  const refused: VfioError[] = []
  const hearing = { ...others, onRefusedSetting: (error: VfioError) => void refused.push(error) }
  const wishes = { transient: true, releaseFramebuffer: 'framebuffer' in kept }
  const [change] = await bind(kernel, { device: shownDevice(device), driver: kept.driver, ...wishes }, hearing)
  const [first] = refused
  if (first !== undefined)
    throw withMore(first, `${shownDevice(device)} is with ${change?.to ?? 'no driver'} all the same`)
  return { changed: change?.changed === true, steps: change?.steps ?? [], driver: change?.to ?? null }
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
