import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { Machine } from '../machine/machine.ts'
import { waitForRelease } from '../machine/wait-for-release.ts'
import { bind, isUnbound, newId, probe, unbind } from '../pci/binding.ts'
import { findPciDevice, type PciDevice, pciDevices, pciRecord } from '../pci/devices.ts'
import { pciDrivers, removeId, setBusAutoprobe } from '../pci/drivers.ts'
import { groupType, setGroupType } from '../pci/group-type.ts'
import { pciGroups } from '../pci/groups.ts'
import { rescan } from '../pci/hotplug.ts'
import { genericDrivers } from '../pci/variant-drivers.ts'
import { below, pciPath } from '../scenario/sysfs-paths.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { noiommuPrefix } from '../vfio/vfio-groups.ts'
import { addIommuGroup } from './sysfs-iommu-group.ts'
import { pciDeviceEntries } from './sysfs-pci-device.ts'
import { addVfioDevice, addVfioGroup } from './sysfs-vfio.ts'
import { type Directory, link, readOnly, type TextFile, writeOnly } from './tree.ts'

/** /sys/devices/pci…, /sys/bus/pci and the IOMMU groups of the host's devices. */
export function addPci(sys: Directory, machine: Machine, state: Snapshot): void {
  const { scenario } = machine
  addBus(sys.at('bus/pci'), machine, state)
  const devices = sys.at('bus/pci/devices')
  for (const driver of pciDrivers(scenario, state)) addDriver(sys, machine, driver, state)
  for (const device of pciDevices(scenario, state)) {
    const path = pciPath(device)
    const record = pciRecord(state, device)
    devices.set(device.address, link('/sys/bus/pci/devices', path))
    sys.at(below(path)).late(() => pciDeviceEntries(machine, device, state))
    // the driver is gone from sysfs before it has let go
    if (record.driver !== null && !record.unbinding) {
      const here = `/sys/bus/pci/drivers/${record.driver}`
      sys.at(below(here)).set(device.address, link(here, path))
    }
    if (device.iommuGroup === null) continue
    const number = device.iommuGroup
    const write = (bytes: Buffer) =>
      machine.store.update((draft) => {
        setGroupType(draft, machine.traits, pciGroups(scenario, draft).get(number) ?? [], bytes)
      })
    const name = record.isNoiommu ? { name: 'vfio-noiommu' } : {}
    addIommuGroup(sys, { number, type: groupType(state, device), write, ...name }, device.address, path)
    if (record.vfioIndex === null) continue
    const prefix = noiommuPrefix({ kind: record.isNoiommu ? 'noiommu' : 'translated' })
    addVfioGroup(sys, `${prefix}${device.iommuGroup}`)
    if (record.unbinding && machine.traits.hidesLeaving) continue
    addVfioDevice(sys, machine, { index: record.vfioIndex, prefix }, path)
  }
}

function addBus(bus: Directory, { scenario, store }: Machine, state: Snapshot): void {
  const update = (change: (draft: MockState) => void) => store.update(change)
  bus
    .set('drivers_autoprobe', {
      ...readOnly(`${Number(state.pciBus.autoprobe)}\n`),
      write: (bytes) => update((draft) => setBusAutoprobe(draft, bytes)),
    })
    .set(
      'drivers_probe',
      writeOnly((bytes) => update((draft) => probe(draft, scenario, named(scenario, draft, bytes)))),
    )
    .set(
      'rescan',
      writeOnly((bytes) => {
        if (kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 0n)
          update((draft) => rescan(draft, scenario))
      }),
    )
}

/** The device that a write to the bus names, with or without a newline. */
function named(scenario: Machine['scenario'], state: Snapshot, bytes: Buffer): PciDevice {
  const device = findPciDevice(scenario, state, bytes.toString('latin1').replace(/\n$/, ''))
  if (device === undefined) throw new Errno('ENODEV')
  return device
}

function addDriver(sys: Directory, machine: Machine, driver: string, state: Snapshot): void {
  const { scenario, store } = machine
  const here = `/sys/bus/pci/drivers/${driver}`
  const module = genericDrivers(scenario, state).get(driver) ?? driver.replaceAll('-', '_')
  const directory = sys.at(below(here))
  if (module in scenario.modules || state.modules.includes(module)) {
    const drivers = `/sys/module/${module}/drivers`
    directory.set('module', link(here, `/sys/module/${module}`))
    sys.at(below(drivers)).set(`pci:${driver}`, link(drivers, here))
  }
  const write = (change: (draft: MockState, bytes: Buffer) => void): TextFile =>
    writeOnly((bytes) => store.update((draft) => change(draft, bytes)))
  directory
    .set(
      'bind',
      write((draft, bytes) => bind(draft, scenario, named(scenario, draft, bytes), driver)),
    )
    .set(
      'unbind',
      writeOnly((bytes) => unbindAndWait(machine, driver, bytes)),
    )
    .set(
      'new_id',
      write((draft, bytes) => newId(draft, scenario, driver, bytes)),
    )
    .set(
      'remove_id',
      write((draft, bytes) => removeId(draft, driver, bytes)),
    )
}

async function unbindAndWait(machine: Machine, driver: string, bytes: Buffer): Promise<void> {
  const { scenario, store } = machine
  const device = named(scenario, store.read(), bytes)
  store.update((draft) => unbind(draft, device, driver))
  await waitForRelease(machine, [pciKey(device.address)], () => isUnbound(store.read(), device))
}
