import { type BusName, buses } from '../../host/bus/bus.ts'
import { type BusDevice, checkOnBus, devicePath, findBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { groupMember, iommuGroup } from '../../host/group-members.ts'
import { followLinks } from '../../host/sysfs/links.ts'
import { kindOrNone, listOrNone } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { waitsForBoot } from '../bindings/kept-device.ts'
import { bestDriver, keptDriver, noDriver, vfioDriver } from '../bindings/wanted-driver.ts'
import { bindingName, boundDeviceOrNull, keptBindings } from '../settings/bindings.ts'
import type { WantedDevice } from './reading/host-reader.ts'

/**
 * The devices that are named, or else those that a driver is kept for and those that VFIO has. Of the named, throws as
 * `findBusDevice` does, and NOT_FOUND for one that is not there.
 */
export function wantedDevices(files: HostFiles, names: readonly string[]): WantedDevice[] {
  const now = keptBindings.list(files).settings.filter(({ value }) => !waitsForBoot(files, value))
  const kept = new Map(now.map(({ name, value }) => [name, value.driver]))
  const asked = names.map((name) => {
    const device = findBusDevice(files, name)
    checkOnBus(files, device)
    return device
  })
  const found =
    names.length > 0
      ? asked
      : [...[...kept.keys()].flatMap((name) => boundDeviceOrNull(name) ?? []), ...withVfio(files)]
  const once = new Map(found.map((device) => [shownDevice(device), device]))
  return [...once.values()]
    .filter((device) => kindOrNone(files, devicePath(device)) !== null)
    .map((device) => describe(files, device, kept.get(bindingName(device)) ?? null, names.length > 0))
}

function describe(files: HostFiles, device: BusDevice, kept: string | null, isNamed: boolean): WantedDevice {
  const path = devicePath(device)
  const { driver, vfio } = groupMember(files, device.name, path)
  const wish = kept ?? (isNamed && !vfio && isTakenByName(device.bus) ? bestDriver : null)
  return {
    device,
    name: shownDevice(device),
    path: followLinks(files, path) ?? path,
    kept,
    wanted: wish === null ? driver : keptDriver(files, device, wish),
    driver,
    vfio,
    group: iommuGroup(files, path),
  }
}

/** A mediated device has its parent's driver, and a crypto queue's goes by masks. */
function isTakenByName(bus: BusName): boolean {
  return bus !== 'mdev' && vfioDriver(bus) !== noDriver
}

/** Those that a driver of VFIO's own has, on any bus but that of mediated devices, which have no other. */
function withVfio(files: HostFiles): BusDevice[] {
  return buses
    .filter(({ name }) => name !== 'mdev')
    .flatMap(({ name: bus, drivers, parseName }) =>
      listOrNone(files, drivers)
        .filter((driver) => driver.includes('vfio'))
        .flatMap((driver) => listOrNone(files, `${drivers}/${driver}`))
        .flatMap((entry) => (parseName(entry) === entry ? { bus, name: entry } : []))
        .filter((device) => kindOrNone(files, devicePath(device)) !== null),
    )
}
