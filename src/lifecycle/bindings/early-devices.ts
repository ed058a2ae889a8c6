import { pciAddressOrNull } from '../../base/units.ts'
import { driverModule } from '../../host/built-in-driver.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { type EarlyDevice, isRuleWord } from '../early/early-rule.ts'
import { bindingName, type KeptBinding, keptBindings } from '../settings/bindings.ts'
import { isEarly, type KeptChange } from './kept-change.ts'
import { keptDriver, noDriver } from './wanted-driver.ts'

/** The devices that are kept to have their drivers early, with changes that are not made yet. */
export function earlyDevices(files: HostFiles, changes: readonly KeptChange[] = []): EarlyDevice[] {
  const stored = keptBindings.list(files).settings.map(({ name, value }) => [name, value] as const)
  const all = new Map<string, KeptBinding | null>(stored)
  for (const { device, value } of changes) all.set(bindingName(device), value)
  return [...all]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, kept]) => {
      const address = pciAddressOrNull(name)
      if (address === null || kept === null || 'bus' in kept || !isEarly(kept)) return []
      const driver = keptDriver(files, { bus: 'pci', name: address }, kept.driver)
      if (!isRuleWord(driver)) return []
      const { vendor, device } = kept
      return [{ address, vendor, device, driver, module: driver === noDriver ? null : driverModule(files, driver) }]
    })
}
