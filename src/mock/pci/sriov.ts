import { Errno } from '../base/errno.ts'
import { kstrtobool, kstrtoull } from '../base/kstrto.ts'
import type { Scenario, ScenarioSriov } from '../scenario/scenario.ts'
import { vfAddresses } from '../scenario/vf-addresses.ts'
import { moduleParameter } from '../state/module-parameters.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { probe, removeVfs } from './binding.ts'
import { findPciDevice, freeIommuGroup, newRecord, type PciDevice, pciDraft, pciRecord } from './devices.ts'
import { giveEqualShares, releaseShares } from './xe-shares.ts'

/**
 * A write to `sriov_numvfs`: EINVAL for no number, ERANGE for more than there can be, ENOENT if no driver is there
 * that makes them, EBUSY from one number to another. It ends once the functions that go are gone.
 */
export function setNumVfs(draft: MockState, scenario: Scenario, physfn: PciDevice, bytes: Buffer): void {
  const wanted = Number(kstrtoull(bytes, { base: 0, bits: 16, tooLarge: 'EINVAL' }))
  const { sriov } = physfn
  const { vfs } = pciRecord(draft, physfn)
  if (sriov === undefined || wanted > sriov.totalVfs) throw new Errno('ERANGE')
  if (wanted === vfs.length) return
  if (!configures(scenario, draft, physfn, sriov)) throw new Errno('ENOENT')
  if (wanted === 0) {
    removeVfs(draft, physfn)
    releaseShares(pciDraft(draft, physfn), vfs.length)
  } else if (vfs.length > 0) throw new Errno('EBUSY')
  else {
    giveEqualShares(pciDraft(draft, physfn), physfn, wanted)
    addVfs(draft, scenario, physfn, sriov.makesAll === true ? sriov.totalVfs : wanted)
  }
}

/** A write to `sriov_drivers_autoprobe`. */
export function setVfsAutoprobe(draft: MockState, physfn: PciDevice, bytes: Buffer): void {
  pciDraft(draft, physfn).vfsAutoprobe = kstrtobool(bytes)
}

/** True if the functions that were to go are gone. */
export function areVfsGone(state: Snapshot, physfn: PciDevice): boolean {
  return pciRecord(state, physfn).vfs.every((vf) => state.pci[vf]?.leaving !== true)
}

/** True if the driver of the moment takes a write to `sriov_numvfs`. */
function configures(scenario: Scenario, state: Snapshot, physfn: PciDevice, sriov: ScenarioSriov): boolean {
  const { driver } = pciRecord(state, physfn)
  if (driver === 'vfio-pci') return moduleParameter(scenario, state, 'vfio_pci', 'enable_sriov') === 'Y'
  return driver === 'pci-pf-stub' || (driver !== null && driver === physfn.driver && sriov.driverConfigures)
}

/** As many virtual functions, each in a group of its own, and with the driver that fits. */
export function addVfs(draft: MockState, scenario: Scenario, physfn: PciDevice, count: number): void {
  const addresses = physfn.sriov === undefined ? [] : vfAddresses(physfn.address, physfn.sriov)
  const record = pciDraft(draft, physfn)
  for (const address of addresses.slice(0, count)) {
    const iommuGroup = physfn.iommuGroup === null ? null : freeIommuGroup(scenario, draft)
    const vf = newRecord({ driver: null, iommuGroup, physfn: physfn.address })
    // vfio-pci sees to it that what its users may do with the whole device does not reach a driver of the host
    if (record.driver === 'vfio-pci') vf.driverOverride = 'vfio-pci'
    draft.pci[address] = vf
    record.vfs.push(address)
    const device = findPciDevice(scenario, draft, address)
    if (device !== undefined && draft.pciBus.autoprobe) probe(draft, scenario, device)
  }
}
