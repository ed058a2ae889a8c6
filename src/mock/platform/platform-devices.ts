import { Errno } from '../base/errno.ts'
import type { Scenario, ScenarioPlatformDevice } from '../scenario/scenario.ts'
import type { MockState, PlatformRecord, Snapshot } from '../state/state.ts'

/** VFIO's driver, which takes what it is named for alone. */
const vfioPlatform = 'vfio-platform'

/** The drivers of the platform bus: those that the scenario's devices name, and VFIO's if it is loaded. */
export function platformDrivers({ platform = [], modules }: Scenario): Set<string> {
  const own = platform.flatMap(({ driver, drivers = [] }) => [driver, ...drivers])
  const vfio = 'vfio_platform' in modules ? [vfioPlatform] : []
  return new Set([...own, ...vfio].filter((driver) => driver !== null))
}

/** The state of a platform device, or what the scenario begins with. */
export function platformRecord(state: Snapshot, { name, driver }: ScenarioPlatformDevice): PlatformRecord {
  return state.platform[name] ?? { driver, driverOverride: null }
}

/** The record of a platform device, to change it. */
export function platformDraft(draft: MockState, device: ScenarioPlatformDevice): PlatformRecord {
  const record = platformRecord(draft, device)
  draft.platform[device.name] = record
  return record
}

/** The platform device that a write to the bus names, with or without a newline. */
export function namedPlatformDevice({ platform = [] }: Scenario, bytes: Buffer): ScenarioPlatformDevice {
  const text = bytes.toString('latin1').replace(/\n$/, '')
  const found = platform.find(({ name }) => name === text)
  if (found === undefined) throw new Errno('ENODEV')
  return found
}

/** A write to `drivers_probe`: that a driver refuses the device goes to the kernel's log alone. */
export function probePlatformDevice(draft: MockState, scenario: Scenario, device: ScenarioPlatformDevice): void {
  const record = platformDraft(draft, device)
  if (record.driver !== null) return
  const taking = [...platformDrivers(scenario)].find((driver) => {
    return matches(record, device, driver) && refusal(device, driver) === null
  })
  record.driver = taking ?? null
}

/** A write to `bind`: ENODEV if the driver is not for this device, EBUSY if another has it. */
export function bindPlatformDevice(draft: MockState, device: ScenarioPlatformDevice, driver: string): void {
  const record = platformDraft(draft, device)
  if (!matches(record, device, driver)) throw new Errno('ENODEV')
  if (record.driver !== null) throw new Errno('EBUSY')
  const refused = refusal(device, driver)
  if (refused !== null) throw new Errno(refused)
  record.driver = driver
}

/** A write to `unbind`. */
export function unbindPlatformDevice(draft: MockState, device: ScenarioPlatformDevice, driver: string): void {
  const record = platformDraft(draft, device)
  if (record.driver !== driver) throw new Errno('ENODEV')
  record.driver = null
}

/** A driver that is named for the device is offered it alone, whatever it knows. */
function matches({ driverOverride }: PlatformRecord, device: ScenarioPlatformDevice, driver: string): boolean {
  return driverOverride === null ? driver === device.driver : driver === driverOverride
}

/**
 * Errno of the driver's probe, or null if it takes the device. VFIO's takes none here: it asks for firmware that says
 * what the device is (EINVAL), which those without an IOMMU have not, and for a way to reset it (ENOENT), which it has
 * for four kinds of network and DMA controllers that are not simulated, or by ACPI.
 */
function refusal({ driver: own, drivers = [], iommuGroup }: ScenarioPlatformDevice, driver: string): string | null {
  if (driver === vfioPlatform) return iommuGroup === null ? 'EINVAL' : 'ENOENT'
  return driver === own || drivers.includes(driver) ? null : 'ENODEV'
}
