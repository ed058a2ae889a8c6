import { capabilityBit, capabilityRegister } from '../../uapi/pci-capability-regs.ts'
import { Errno } from '../errno.ts'
import { kstrtoull } from '../files/kstrto.ts'
import type { Machine } from '../machine.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { ConfigSpace } from '../vfio-pci/config-space.ts'
import { type PciDevice, pciDevices, pciDraft, pciRecord } from './devices.ts'

/** The ways to reset a device, the first of which is taken; none where it cannot be reset. */
export function resetMethods(scenario: Scenario, state: Snapshot, device: PciDevice): readonly string[] {
  const chosen = pciRecord(state, device).resetMethods
  return chosen ?? supportedResets(scenario, state, device)
}

function supportedResets(scenario: Scenario, state: Snapshot, device: PciDevice): string[] {
  const what = device.function
  if (what?.reset !== true) return []
  const config = new ConfigSpace(device, what)
  const express = config.find('pci-express')
  const power = config.find('power-management')
  const has = (at: number, bit: number) => (config.read32(at) & bit) !== 0
  const isAlone = siblings(scenario, state, device).length === 0
  const methods = [
    express !== null && has(express + capabilityRegister.PCI_EXP_DEVCAP, capabilityBit.PCI_EXP_DEVCAP_FLR) && 'flr',
    power !== null && !has(power + capabilityRegister.PCI_PM_CTRL, capabilityBit.PCI_PM_CTRL_NO_SOFT_RESET) && 'pm',
    device.physfn === undefined && device.behind !== undefined && isAlone && 'bus',
  ]
  return methods.filter((method) => method !== false)
}

/** Functions on the same bus that a reset of the bus would reach too. */
function siblings(scenario: Scenario, state: Snapshot, { address, behind = [] }: PciDevice): PciDevice[] {
  return pciDevices(scenario, state).filter(
    (other) => other.address !== address && other.physfn === undefined && other.behind?.join(' ') === behind.join(' '),
  )
}

/** A write to `reset_method`: an order of those there are, or none for the kernel's own. EINVAL for anything else. */
export function setResetMethods(draft: MockState, scenario: Scenario, device: PciDevice, bytes: Buffer): void {
  const wanted = bytes.toString('latin1').trim().split(' ')
  const supported = supportedResets(scenario, draft, device)
  const isDefault = wanted.length === 1 && ['', 'default'].includes(wanted[0] ?? '')
  if (!isDefault && !wanted.every((method) => supported.includes(method))) throw new Errno('EINVAL')
  pciDraft(draft, device).resetMethods = isDefault ? null : wanted
}

/** A write to `reset`: a 1. Of a device that is closed, or open elsewhere, only what is kept of it is forgotten. */
export function resetDevice({ store, openDevices }: Machine, device: PciDevice, bytes: Buffer): void {
  if (kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 1n) throw new Errno('EINVAL')
  const model = openDevices.get(pciKey(device.address))?.model
  if (model !== undefined) model.reset()
  else {
    store.update((draft) => {
      pciDraft(draft, device).model = null
    })
  }
}
