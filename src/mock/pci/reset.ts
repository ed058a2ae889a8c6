import { capabilityBit, capabilityRegister } from '../../uapi/pci.ts'
import { Errno } from '../base/errno.ts'
import { kernelTraits } from '../base/kernel-traits.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { Machine } from '../machine/machine.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { ConfigSpace } from '../sdk/config-space.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { type PciDevice, pciDevices, pciDraft, pciRecord } from './devices.ts'

/** True if the kernel found a way to reset the device: then sysfs has its two files, whatever is written to them. */
export function hasReset(scenario: Scenario, state: Snapshot, device: PciDevice): boolean {
  return supportedResets(scenario, state, device).length > 0
}

/** True if vfio-pci can reset a device that it opens now: not if every way was turned off. */
export function canReset(state: Snapshot, device: PciDevice): boolean {
  return device.function?.reset === true && pciRecord(state, device).resetMethods?.length !== 0
}

/** The ways to reset a device, the first of which is taken; none if they were all turned off. */
export function resetMethods(scenario: Scenario, state: Snapshot, device: PciDevice): readonly string[] {
  const chosen = pciRecord(state, device).resetMethods
  return chosen ?? supportedResets(scenario, state, device)
}

/** True if the device answers no read: what is read are ones. */
export function isHung(state: Snapshot, device: PciDevice): boolean {
  return device.hungUntil !== undefined && !pciRecord(state, device).isRevived
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

/**
 * A write to `reset_method`: an order of those there are, `default` for the kernel's own, or an empty line for none at
 * all. EINVAL for anything else, and for more names than there can be ways.
 */
export function setResetMethods(draft: MockState, scenario: Scenario, device: PciDevice, bytes: Buffer): void {
  const text = bytes.toString('latin1')
  const supported = supportedResets(scenario, draft, device)
  const isDefault = /^default\n?$/.test(text)
  const wanted = isDefault ? [] : text.split(' ').map((name) => name.trim())
  const named = wanted.filter((name) => name !== '')
  const { resetMethods } = kernelTraits(scenario)
  if (named.length > resetMethods || !named.every((method) => supported.includes(method))) throw new Errno('EINVAL')
  pciDraft(draft, device).resetMethods = isDefault ? null : named
}

/**
 * A write to `reset`: a 1. ENOTTY if every way was turned off, or a device does not answer after it. Of a device that is closed, or open elsewhere, only what
 * is kept of it is forgotten.
 */
export function resetDevice({ scenario, store, openDevices }: Machine, device: PciDevice, bytes: Buffer): void {
  if (kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 1n) throw new Errno('EINVAL')
  const [method] = resetMethods(scenario, store.read(), device)
  if (method === undefined) throw new Errno('ENOTTY')
  if (isHung(store.read(), device)) {
    if (device.hungUntil !== method) throw new Errno('ENOTTY')
    store.update((draft) => {
      pciDraft(draft, device).isRevived = true
    })
  }
  const model = openDevices.get(pciKey(device.address))?.model
  if (model?.busReset !== undefined) model.busReset()
  else if (model !== undefined) model.reset()
  else {
    store.update((draft) => {
      pciDraft(draft, device).model = null
    })
  }
}
