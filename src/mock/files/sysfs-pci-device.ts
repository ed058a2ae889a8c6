import { namedOverride } from '../base/driver-override.ts'
import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { Machine } from '../machine/machine.ts'
import { waitForRelease } from '../machine/wait-for-release.ts'
import { resizeBar, resizeBits, resourceLines } from '../pci/bars.ts'
import { type PciDevice, pciDraft, pciRecord } from '../pci/devices.ts'
import { isRemoved, removeDevice, rescan } from '../pci/hotplug.ts'
import { modalias, pciProperties } from '../pci/properties.ts'
import { hasReset, isHung, resetDevice, resetMethods, setResetMethods } from '../pci/reset.ts'
import { isVfioPci } from '../pci/variant-drivers.ts'
import { pciPath } from '../scenario/sysfs-paths.ts'
import { ConfigSpace } from '../sdk/config-space.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { gimEntries } from './sysfs-gim.ts'
import { powerEntries } from './sysfs-power.ts'
import { sriovEntries } from './sysfs-sriov.ts'
import { vgpuEntries } from './sysfs-vgpu.ts'
import { xeEntries } from './sysfs-xe.ts'
import { link, type Node, readOnly, writeOnly } from './tree.ts'

/** Entries of a PCI device's folder. */
export function* pciDeviceEntries(
  machine: Machine,
  device: PciDevice,
  state: Snapshot,
): Generator<readonly [string, Node]> {
  const { scenario, store } = machine
  const path = pciPath(device)
  const { driver, driverOverride, unbinding } = pciRecord(state, device)
  const attributes = {
    vendor: device.vendor,
    device: device.device,
    subsystem_vendor: device.subsystemVendor,
    subsystem_device: device.subsystemDevice,
    class: device.class,
    revision: device.revision,
    numa_node: String(device.numaNode),
    modalias: modalias(device),
    uevent: uevent(device, driver),
  }
  for (const [name, value] of Object.entries(attributes)) yield [name, readOnly(`${value}\n`)]
  const enabled = pciRecord(state, device).enabledByHand + (isEnabled(machine, state, device) ? 1 : 0)
  const setEnabled = (bytes: Buffer) => store.update((draft) => enable(draft, device, bytes))
  yield ['enable', { ...readOnly(`${enabled}\n`), write: setEnabled }]
  const write = (bytes: Buffer) =>
    store.update((draft: MockState) => {
      pciDraft(draft, device).driverOverride = namedOverride(machine.traits, bytes)
    })
  yield ['driver_override', { ...readOnly(`${driverOverride ?? '(null)'}\n`), write }]
  yield ['subsystem', link(path, '/sys/bus/pci')]
  if (driver !== null && !unbinding) yield ['driver', link(path, `/sys/bus/pci/drivers/${driver}`)]
  if (isVga(device) && scenario.framebuffer !== undefined)
    yield ['boot_vga', readOnly(scenario.framebuffer.device === device.address ? '1\n' : '0\n')]
  if (device.iommuGroup !== null) yield ['iommu_group', link(path, `/sys/kernel/iommu_groups/${device.iommuGroup}`)]
  if (device.physfn === undefined) yield* hotplugEntries(machine, device)
  yield* resetEntries(machine, device, state)
  yield* powerEntries(machine, device, state)
  yield* barEntries(machine, device)
  yield ['config', readOnly(() => configBytes(machine.store.read(), device))]
  yield* sriovEntries(machine, device, state)
  yield* vgpuEntries(machine, device, state)
  yield* xeEntries(machine, device, state)
  yield* gimEntries(machine, device, state)
}

function isVga({ class: its }: PciDevice): boolean {
  return its.startsWith('0x0300')
}

/** Configuration space as at power-on, which the kernel asks the device for: ones if it does not answer. */
function configBytes(state: Snapshot, device: PciDevice): Uint8Array {
  const { bytes } = new ConfigSpace(device, device.function ?? { configSize: 256, config: {}, bars: {}, rom: 0 })
  return isHung(state, device) ? bytes.fill(0xff) : bytes
}

/** vfio-pci enables a device while it is open for use, and the stubs never do. */
function isEnabled({ scenario }: Machine, state: Snapshot, device: PciDevice): boolean {
  const { driver } = pciRecord(state, device)
  if (isVfioPci(scenario, driver)) return state.processes.some(({ opened }) => opened.includes(pciKey(device.address)))
  return driver !== null && driver !== 'pci-stub' && driver !== 'pci-pf-stub'
}

/** A write to `enable`: EBUSY while a driver has the device. A 0 takes back one of the others; EIO if there is none. */
function enable(draft: MockState, device: PciDevice, bytes: Buffer): void {
  const isOn = kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 0n
  const record = pciDraft(draft, device)
  if (record.driver !== null) throw new Errno('EBUSY')
  if (!isOn && record.enabledByHand === 0) throw new Errno('EIO')
  record.enabledByHand += isOn ? 1 : -1
}

function* hotplugEntries(machine: Machine, device: PciDevice): Generator<readonly [string, Node]> {
  const { store, scenario } = machine
  const isWanted = (bytes: Buffer) => kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 0n
  const remove = async (bytes: Buffer) => {
    if (!isWanted(bytes)) return
    const leaving = store.update((draft) => removeDevice(draft, scenario, device))
    await waitForRelease(machine, leaving.map(pciKey), () => isRemoved(store.read(), device))
  }
  yield ['remove', writeOnly(remove)]
  yield [
    'rescan',
    writeOnly((bytes) => {
      if (isWanted(bytes)) store.update((draft) => rescan(draft, scenario))
    }),
  ]
}

function* resetEntries(machine: Machine, device: PciDevice, state: Snapshot): Generator<readonly [string, Node]> {
  const { scenario, store } = machine
  if (!hasReset(scenario, state, device)) return
  const methods = resetMethods(scenario, state, device)
  const shown = methods.length === 0 ? '' : `${methods.join(' ')}\n`
  yield ['reset', writeOnly((bytes) => resetDevice(machine, device, bytes))]
  const write = (bytes: Buffer) => store.update((draft) => setResetMethods(draft, scenario, device, bytes))
  yield ['reset_method', { ...readOnly(shown), write }]
}

function* barEntries({ store }: Machine, device: PciDevice): Generator<readonly [string, Node]> {
  yield ['resource', readOnly(resourceLines(device))]
  if (device.physfn !== undefined) return
  for (const [bar, sizes] of Object.entries(device.function?.resizable ?? {})) {
    const write = (bytes: Buffer) => store.update((draft) => resizeBar(draft, device, bar, bytes))
    yield [`resource${bar}_resize`, { ...readOnly(resizeBits(sizes)), write }]
  }
}

function uevent(device: PciDevice, driver: string | null): string {
  const properties = { ...(driver === null ? {} : { DRIVER: driver }), ...pciProperties(device) }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}
