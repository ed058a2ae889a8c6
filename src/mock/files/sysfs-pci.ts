import type { Scenario, ScenarioPciDevice } from '../scenario.ts'
import { below, pciPath } from './sysfs-paths.ts'
import { type Directory, link, type Node, readOnly } from './tree.ts'

/** /sys/devices/pci…, /sys/bus/pci and the IOMMU groups of the host's devices. */
export function addPci(sys: Directory, { pci, modules }: Scenario): void {
  const devices = sys.at('bus/pci/devices')
  const drivers = sys.at('bus/pci/drivers')
  if ('vfio_pci' in modules)
    drivers.at('vfio-pci').set('module', link('/sys/bus/pci/drivers/vfio-pci', '/sys/module/vfio_pci'))
  for (const device of pci) {
    const path = pciPath(device)
    devices.set(device.address, link('/sys/bus/pci/devices', path))
    sys.at(below(path)).late(() => deviceEntries(device, path))
    if (device.driver !== null) addDriver(drivers, device.driver, device.address, path, modules)
    if (device.iommuGroup !== null) addIommuGroup(sys, { number: device.iommuGroup, type: 'DMA' }, device.address, path)
  }
}

/** /sys/kernel/iommu_groups/N: named where VFIO made it for a device without an IOMMU. */
export function addIommuGroup(
  sys: Directory,
  group: { readonly number: number; readonly type: string; readonly name?: string },
  device: string,
  path: string,
): void {
  const directory = sys.at(`kernel/iommu_groups/${group.number}`)
  directory.set('type', readOnly(`${group.type}\n`)).set('reserved_regions', readOnly(reservedRegions(group.type)))
  if (group.name !== undefined) directory.set('name', readOnly(`${group.name}\n`))
  directory.at('devices').set(device, link(`/sys/kernel/iommu_groups/${group.number}/devices`, path))
}

function reservedRegions(type: string): string {
  return type === 'DMA' ? '0x00000000fee00000 0x00000000feefffff msi\n' : ''
}

function addDriver(
  drivers: Directory,
  driver: string,
  address: string,
  path: string,
  modules: Scenario['modules'],
): void {
  const here = `/sys/bus/pci/drivers/${driver}`
  drivers.at(driver).set(address, link(here, path))
  const module = driver.replaceAll('-', '_')
  if (module in modules) drivers.at(driver).set('module', link(here, `/sys/module/${module}`))
}

function* deviceEntries(device: ScenarioPciDevice, path: string): Generator<readonly [string, Node]> {
  const attributes = {
    vendor: device.vendor,
    device: device.device,
    subsystem_vendor: device.subsystemVendor,
    subsystem_device: device.subsystemDevice,
    class: device.class,
    revision: device.revision,
    numa_node: String(device.numaNode),
    enable: device.driver === null ? '0' : '1',
    driver_override: '(null)',
    modalias: modalias(device),
    uevent: uevent(device),
  }
  for (const [name, value] of Object.entries(attributes)) yield [name, readOnly(`${value}\n`)]
  yield ['subsystem', link(path, '/sys/bus/pci')]
  if (device.driver !== null) yield ['driver', link(path, `/sys/bus/pci/drivers/${device.driver}`)]
  if (device.iommuGroup !== null) yield ['iommu_group', link(path, `/sys/kernel/iommu_groups/${device.iommuGroup}`)]
}

function modalias({ vendor, device, subsystemVendor, subsystemDevice, ...pci }: ScenarioPciDevice): string {
  const long = (id: string) => id.slice(2).toUpperCase().padStart(8, '0')
  const [base, sub, programming] = pci.class.slice(2).toUpperCase().match(/../g) ?? []
  return `pci:v${long(vendor)}d${long(device)}sv${long(subsystemVendor)}sd${long(subsystemDevice)}bc${base}sc${sub}i${programming}`
}

function uevent(device: ScenarioPciDevice): string {
  const ids = (vendor: string, id: string) => `${vendor.slice(2)}:${id.slice(2)}`.toUpperCase()
  const lines = [
    `PCI_CLASS=${device.class.slice(2).replace(/^0+/, '').toUpperCase()}`,
    `PCI_ID=${ids(device.vendor, device.device)}`,
    `PCI_SUBSYS_ID=${ids(device.subsystemVendor, device.subsystemDevice)}`,
    `PCI_SLOT_NAME=${device.address}`,
    `MODALIAS=${modalias(device)}`,
  ]
  return (device.driver === null ? lines : [`DRIVER=${device.driver}`, ...lines]).join('\n')
}
