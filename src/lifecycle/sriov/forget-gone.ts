import { pciAddressOrNull } from '../../base/units.ts'
import { readPhysicalFunction } from '../../host/sriov.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import { withSettingsLock } from '../settings/settings.ts'
import type { SriovChange } from './sriov-change.ts'
import { sriovSettings } from './sriov-settings.ts'

/**
 * Forgets the number of functions that is kept for a card that is not there, or at whose address another device is now;
 * null for a card that can have functions, or of which nothing is kept.
 */
export async function forgetGone(kernel: Kernel, device: string, options: ChangeOptions): Promise<SriovChange | null> {
  const { files } = kernel
  const address = pciAddressOrNull(device)
  if (address === null || readPhysicalFunction(files, address) !== null) return null
  const path = sriovSettings.path(address)
  if (files.kind(path) === null) return null
  const dryRun = options.dryRun === true
  if (!dryRun) await withSettingsLock(kernel, () => sriovSettings.delete(files, address), options)
  return {
    device: address,
    asked: 0,
    count: 0,
    total: 0,
    functions: [],
    changed: true,
    dryRun,
    steps: [{ action: 'delete', path }],
  }
}
