import { Errno } from '../base/errno.ts'
import { kstrtobool } from '../base/kstrto.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { ConfigSpace } from '../sdk/config-space.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { type PciDevice, pciDraft, pciRecord } from './devices.ts'
import { isVfioPci } from './variant-drivers.ts'

/** The state of a device's power, as its files in sysfs show it. */
export interface PowerShown {
  readonly powerState: 'D0' | 'D3hot' | 'unknown'
  readonly d3coldAllowed: boolean
  readonly control: 'on' | 'auto'
  readonly runtimeStatus: 'active' | 'suspended'
}

/**
 * vfio-pci lets a device sleep while nobody has it open, which one without the capability does in D0. Of a device that
 * no driver has enabled, the kernel does not know the state.
 */
export function powerShown(scenario: Scenario, state: Snapshot, device: PciDevice): PowerShown {
  const { driver, d3coldAllowed, runtimeControl } = pciRecord(state, device)
  const sleeps = hasPowerManagement(device)
  const isWithVfio = isVfioPci(scenario, driver)
  const control = runtimeControl ?? (isWithVfio ? 'auto' : 'on')
  const isOpen = state.processes.some(({ opened }) => opened.includes(pciKey(device.address)))
  const isAsleep = isWithVfio && control === 'auto' && !isOpen
  return {
    powerState: driver === null ? 'unknown' : isAsleep && sleeps ? 'D3hot' : 'D0',
    d3coldAllowed: d3coldAllowed ?? sleeps,
    control,
    runtimeStatus: isAsleep ? 'suspended' : 'active',
  }
}

function hasPowerManagement(device: PciDevice): boolean {
  return device.function !== undefined && new ConfigSpace(device, device.function).find('power-management') !== null
}

/** A write to `d3cold_allowed`: a yes or no. */
export function setD3coldAllowed(draft: MockState, device: PciDevice, bytes: Buffer): void {
  pciDraft(draft, device).d3coldAllowed = kstrtobool(bytes)
}

/** A write to `power/control`: EINVAL for anything but its two words. */
export function setRuntimeControl(draft: MockState, device: PciDevice, bytes: Buffer): void {
  const text = bytes.toString('latin1').replace(/\n$/, '')
  if (text !== 'on' && text !== 'auto') throw new Errno('EINVAL')
  pciDraft(draft, device).runtimeControl = text
}
