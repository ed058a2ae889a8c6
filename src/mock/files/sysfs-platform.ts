import { namedOverride } from '../base/driver-override.ts'
import type { Machine } from '../machine/machine.ts'
import {
  bindPlatformDevice,
  namedPlatformDevice,
  platformDraft,
  platformDrivers,
  platformRecord,
  probePlatformDevice,
  unbindPlatformDevice,
} from '../platform/platform-devices.ts'
import type { ScenarioPlatformDevice } from '../scenario/scenario.ts'
import { below, platformPath } from '../scenario/sysfs-paths.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { addIommuGroup } from './sysfs-iommu-group.ts'
import { type Directory, link, readOnly, type TextFile, writeOnly } from './tree.ts'

/** /sys/devices/platform and /sys/bus/platform: what firmware or the kernel names, and no bus finds. */
export function addPlatform(sys: Directory, machine: Machine, state: Snapshot): void {
  const { scenario } = machine
  if (scenario.platform === undefined) return
  const onBus = (change: (draft: MockState, device: ScenarioPlatformDevice) => void): TextFile =>
    writeOnly((bytes) => machine.store.update((draft) => change(draft, namedPlatformDevice(scenario, bytes))))
  sys.at('bus/platform').set(
    'drivers_probe',
    onBus((draft, device) => probePlatformDevice(draft, scenario, device)),
  )
  sys.at('bus/platform/devices')
  for (const driver of platformDrivers(scenario)) {
    const here = `/sys/bus/platform/drivers/${driver}`
    const module = driver.replaceAll('-', '_')
    const directory = sys.at(below(here))
    if (module in scenario.modules) directory.set('module', link(here, `/sys/module/${module}`))
    directory
      .set(
        'bind',
        onBus((draft, device) => bindPlatformDevice(draft, device, driver)),
      )
      .set(
        'unbind',
        onBus((draft, device) => unbindPlatformDevice(draft, device, driver)),
      )
  }
  for (const device of scenario.platform) addDevice(sys, machine, device, state)
}

function addDevice(sys: Directory, machine: Machine, device: ScenarioPlatformDevice, state: Snapshot): void {
  const path = platformPath(device.name)
  const { driver, driverOverride } = platformRecord(state, device)
  const shown = driver === null ? '' : `DRIVER=${driver}\n`
  const directory = sys
    .at(below(path))
    .set('modalias', readOnly(`platform:${device.name}\n`))
    .set('uevent', readOnly(`${shown}MODALIAS=platform:${device.name}\n`))
    .set('subsystem', link(path, '/sys/bus/platform'))
    .set('driver_override', {
      ...readOnly(`${driverOverride ?? '(null)'}\n`),
      write: (bytes) =>
        machine.store.update((draft) => {
          platformDraft(draft, device).driverOverride = namedOverride(machine.traits, bytes)
        }),
    })
  sys.at('bus/platform/devices').set(device.name, link('/sys/bus/platform/devices', path))
  if (device.iommuGroup !== null) {
    directory.set('iommu_group', link(path, `/sys/kernel/iommu_groups/${device.iommuGroup}`))
    addIommuGroup(sys, { number: device.iommuGroup, type: 'DMA' }, device.name, path)
  }
  if (driver === null) return
  const driverPath = `/sys/bus/platform/drivers/${driver}`
  directory.set('driver', link(path, driverPath))
  sys.at(below(driverPath)).set(device.name, link(driverPath, path))
}
