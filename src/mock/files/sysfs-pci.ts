import { Errno } from '../errno.ts'
import type { Machine } from '../machine.ts'
import { bind, isUnbound, override, pciDrivers, pciRecord, probe, unbind } from '../pci/binding.ts'
import type { Scenario, ScenarioPciDevice } from '../scenario.ts'
import { type PciRecord, pciKey, type Snapshot } from '../state/state.ts'
import { addIommuGroup } from './sysfs-iommu-group.ts'
import { below, pciPath } from './sysfs-paths.ts'
import { addVfioDevice, addVfioGroup } from './sysfs-vfio.ts'
import { type Directory, link, type Node, readOnly, writeOnly } from './tree.ts'

/** /sys/devices/pci…, /sys/bus/pci and the IOMMU groups of the host's devices. */
export function addPci(sys: Directory, machine: Machine, state: Snapshot): void {
  const { scenario } = machine
  const devices = sys.at('bus/pci/devices')
  sys.at('bus/pci').set(
    'drivers_probe',
    writeOnly((bytes) => {
      const device = named(scenario, bytes)
      machine.store.update((draft) => probe(draft, scenario, device))
    }),
  )
  for (const driver of pciDrivers(scenario)) addDriver(sys, machine, driver)
  for (const device of scenario.pci) {
    const path = pciPath(device)
    const record = pciRecord(state, device)
    devices.set(device.address, link('/sys/bus/pci/devices', path))
    sys.at(below(path)).late(() => deviceEntries(machine, device, record))
    // the driver is gone from sysfs before it has let go
    if (record.driver !== null && !record.unbinding) {
      const here = `/sys/bus/pci/drivers/${record.driver}`
      sys.at(below(here)).set(device.address, link(here, path))
    }
    if (device.iommuGroup === null) continue
    addIommuGroup(sys, { number: device.iommuGroup, type: 'DMA' }, device.address, path)
    if (record.driver !== 'vfio-pci') continue
    addVfioGroup(sys, device.iommuGroup)
    if (record.vfioIndex !== null) addVfioDevice(sys, record.vfioIndex, path)
  }
}

/** The device that a write to the bus names, with or without a newline. */
function named({ pci }: Scenario, bytes: Buffer): ScenarioPciDevice {
  const name = bytes.toString('latin1').replace(/\n$/, '')
  const device = pci.find(({ address }) => address === name)
  if (device === undefined) throw new Errno('ENODEV')
  return device
}

function addDriver(sys: Directory, { scenario, store, openDevices, waitUntil }: Machine, driver: string): void {
  const here = `/sys/bus/pci/drivers/${driver}`
  const module = driver.replaceAll('-', '_')
  const directory = sys.at(below(here))
  if (module in scenario.modules) directory.set('module', link(here, `/sys/module/${module}`))
  directory.set(
    'bind',
    writeOnly((bytes) => {
      const device = named(scenario, bytes)
      store.update((draft) => bind(draft, device, driver))
    }),
  )
  directory.set(
    'unbind',
    writeOnly(async (bytes) => {
      const device = named(scenario, bytes)
      store.update((draft) => unbind(draft, device, driver))
      openDevices.get(pciKey(device.address))?.requestRelease?.()
      await waitUntil(() => isUnbound(store.read(), device))
    }),
  )
}

function* deviceEntries(
  { store }: Machine,
  device: ScenarioPciDevice,
  { driver, driverOverride, unbinding }: Readonly<PciRecord>,
): Generator<readonly [string, Node]> {
  const path = pciPath(device)
  const attributes = {
    vendor: device.vendor,
    device: device.device,
    subsystem_vendor: device.subsystemVendor,
    subsystem_device: device.subsystemDevice,
    class: device.class,
    revision: device.revision,
    numa_node: String(device.numaNode),
    enable: driver === null ? '0' : '1',
    modalias: modalias(device),
    uevent: uevent(device, driver),
  }
  for (const [name, value] of Object.entries(attributes)) yield [name, readOnly(`${value}\n`)]
  const write = (bytes: Buffer) => store.update((draft) => override(draft, device, bytes))
  yield ['driver_override', { ...readOnly(`${driverOverride ?? '(null)'}\n`), write }]
  yield ['subsystem', link(path, '/sys/bus/pci')]
  if (driver !== null && !unbinding) yield ['driver', link(path, `/sys/bus/pci/drivers/${driver}`)]
  if (device.iommuGroup !== null) yield ['iommu_group', link(path, `/sys/kernel/iommu_groups/${device.iommuGroup}`)]
}

function modalias({ vendor, device, subsystemVendor, subsystemDevice, ...pci }: ScenarioPciDevice): string {
  const long = (id: string) => id.slice(2).toUpperCase().padStart(8, '0')
  const [base, sub, programming] = pci.class.slice(2).toUpperCase().match(/../g) ?? []
  return `pci:v${long(vendor)}d${long(device)}sv${long(subsystemVendor)}sd${long(subsystemDevice)}bc${base}sc${sub}i${programming}`
}

function uevent(device: ScenarioPciDevice, driver: string | null): string {
  const ids = (vendor: string, id: string) => `${vendor.slice(2)}:${id.slice(2)}`.toUpperCase()
  const lines = [
    `PCI_CLASS=${device.class.slice(2).replace(/^0+/, '').toUpperCase()}`,
    `PCI_ID=${ids(device.vendor, device.device)}`,
    `PCI_SUBSYS_ID=${ids(device.subsystemVendor, device.subsystemDevice)}`,
    `PCI_SLOT_NAME=${device.address}`,
    `MODALIAS=${modalias(device)}`,
  ]
  return (driver === null ? lines : [`DRIVER=${driver}`, ...lines]).join('\n')
}
