import { capabilityBit, capabilityRegister } from '../../uapi/pci.ts'
import { Errno } from '../base/errno.ts'
import { kernelTraits } from '../base/kernel-traits.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { Machine } from '../machine/machine.ts'
import type { Scenario, ScenarioPciDevice } from '../scenario/scenario.ts'
import { ConfigSpace } from '../sdk/config-space.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { type PciDevice, pciDevices, pciDraft, pciRecord } from './devices.ts'

/** True if the kernel found a way to reset the device: then sysfs has its two files, whatever is written to them. */
export function hasReset(scenario: Scenario, state: Snapshot, device: PciDevice): boolean {
  return foundResets(scenario, state, device).length > 0
}

/** True if vfio-pci can reset a device that it opens now: not if every way was turned off. */
export function canReset(state: Snapshot, device: PciDevice): boolean {
  return device.function?.reset === true && pciRecord(state, device).resetMethods?.length !== 0
}

/** The ways to reset a device that the kernel lists, in its order; none if they were all turned off. */
export function resetMethods(scenario: Scenario, state: Snapshot, device: PciDevice): readonly string[] {
  const chosen = pciRecord(state, device).resetMethods
  return chosen ?? foundResets(scenario, state, device)
}

/** True if the device answers no read: what is read are ones. */
export function isHung(state: Snapshot, device: PciDevice): boolean {
  return device.hungUntil !== undefined && !pciRecord(state, device).isRevived
}

/** Those that there are now. */
function supportedResets(scenario: Scenario, state: Snapshot, device: PciDevice): string[] {
  const canBus = device.function?.reset === true && siblings(scenario, state, device).length === 0
  return [...ownResets(device), ...(hasBusAbove(device) && canBus ? ['bus'] : [])]
}

/** Those that there were when the kernel found the device: of several on a bus, the first was alone then. */
function foundResets(scenario: Scenario, state: Snapshot, device: PciDevice): string[] {
  const others = scenario.pci.filter((other) => isBeside(device, other))
  const wasAlone = pciRecord(state, device).foundAlone ?? others.every(({ address }) => device.address < address)
  const canBus = device.function?.reset === true || others.length > 0
  return [...ownResets(device), ...(hasBusAbove(device) && wasAlone && canBus ? ['bus'] : [])]
}

function ownResets(device: PciDevice): string[] {
  const what = device.function
  if (what?.reset !== true) return []
  const config = new ConfigSpace(device, what)
  const express = config.find('pci-express')
  const power = config.find('power-management')
  const has = (at: number, bit: number) => (config.read32(at) & bit) !== 0
  const methods = [
    express !== null && has(express + capabilityRegister.PCI_EXP_DEVCAP, capabilityBit.PCI_EXP_DEVCAP_FLR) && 'flr',
    power !== null && !has(power + capabilityRegister.PCI_PM_CTRL, capabilityBit.PCI_PM_CTRL_NO_SOFT_RESET) && 'pm',
  ]
  return methods.filter((method) => method !== false)
}

/** The kernel resets no root bus, and no bus with a bridge on it. */
function hasBusAbove({ physfn, behind, class: its }: PciDevice): boolean {
  return physfn === undefined && behind !== undefined && !its.startsWith('0x0604')
}

/** True if nothing else is on the device's bus now. */
export function isAloneOnBus(scenario: Scenario, state: Snapshot, device: PciDevice): boolean {
  return siblings(scenario, state, device).length === 0
}

/** Functions on the same bus that a reset of the bus would reach too. */
function siblings(scenario: Scenario, state: Snapshot, device: PciDevice): PciDevice[] {
  return pciDevices(scenario, state).filter((other) => other.physfn === undefined && isBeside(device, other))
}

function isBeside({ address, behind = [] }: ScenarioPciDevice, other: ScenarioPciDevice): boolean {
  return other.address !== address && other.behind?.join(' ') === behind.join(' ')
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
  const record = pciDraft(draft, device)
  record.resetMethods = isDefault ? null : named
  if (isDefault) record.foundAlone = isAloneOnBus(scenario, draft, device)
}

/**
 * A write to `reset`: a 1. ENOTTY if every way was turned off, if there is none by now, or a device does not answer
 * after it. Of a device that is closed, or open elsewhere, only what is kept of it is forgotten.
 */
export function resetDevice({ scenario, store, openDevices }: Machine, device: PciDevice, bytes: Buffer): void {
  if (kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 1n) throw new Errno('EINVAL')
  const isAlone = isAloneOnBus(scenario, store.read(), device)
  const [method] = resetMethods(scenario, store.read(), device).filter((it) => it !== 'bus' || isAlone)
  if (method === undefined) throw new Errno('ENOTTY')
  if (isHung(store.read(), device)) {
    if (device.hungUntil !== method) throw new Errno('ENOTTY')
    store.update((draft) => {
      pciDraft(draft, device).isRevived = true
    })
  }
  if (pciRecord(store.read(), device).usedByHost) {
    store.update((draft) => {
      pciDraft(draft, device).usedByHost = false
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
