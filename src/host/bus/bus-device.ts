import { VfioError } from '../../base/errors.ts'
import { nameFault, type PciAddress, pciAddressOrNull, printable } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { deviceName, deviceNameOrNull } from '../device-name.ts'
import { checkOnPciBus } from '../pci-bus.ts'
import { followLinks, linkedName } from '../sysfs/links.ts'
import { kindOrNone, listOrNone } from '../sysfs/readable.ts'
import { type Bus, type BusName, buses, busNamed, busOrNull } from './bus.ts'

/** A device by its bus and its name there, which need not be there. */
export interface BusDevice {
  readonly bus: BusName
  /** As the kernel writes it: '0000:3b:00.0', a UUID, '0.0.0313', 'dprc.2'. */
  readonly name: string
}

/** A PCI device by its address. */
export function onPci(name: PciAddress): BusDevice {
  return { bus: 'pci', name }
}

/** Its folder: '/sys/bus/css/devices/0.0.0313'. */
export function devicePath({ bus, name }: BusDevice): string {
  return `${busNamed(bus).devices}/${name}`
}

/** As it is shown, and named: a PCI address or a UUID as it is, others behind their bus, as in 'css/0.0.0313'. */
export function shownDevice({ bus, name }: BusDevice): string {
  return bus === 'pci' || bus === 'mdev' ? name : `${bus}/${name}`
}

/**
 * The device that a name says by itself: BUS/NAME, a UUID or PCI address in any form, or a name whose form tells the
 * bus ('0.0.0313' is a subchannel's). Null for any other.
 */
export function busDeviceOrNull(text: string): BusDevice | null {
  const [, busName = '', name = ''] = /^([a-z-]{2,10})\/(.+)$/s.exec(text) ?? []
  const named = busOrNull(busName)
  if (named !== null) return onBus(named, name)
  const known = deviceNameOrNull(text)
  for (const bus of buses) {
    const device = bus.isToldByName ? onBus(bus, known ?? text) : null
    if (device !== null) return device
  }
  return null
}

/** The same; INVALID_ARGUMENT for any other. */
export function parseBusDevice(text: string): BusDevice {
  const device = busDeviceOrNull(text)
  if (device !== null) return device
  throw new VfioError('INVALID_ARGUMENT', `'${printable(text)}' is not a device`, {
    hint: 'a device is a PCI address (3b:00.0), a UUID, or BUS/NAME: css/0.0.0313, platform/1c28000.serial',
  })
}

function onBus({ name: bus, parseName }: Bus, text: string): BusDevice | null {
  const name = parseName(text)
  return name === null ? null : { bus, name }
}

/**
 * The device behind any name that people use: one that says it by itself, the folder of a device in sysfs, the name of
 * a platform device, or what `deviceName` takes and throws.
 */
export function findBusDevice(files: HostFiles, text: string): BusDevice {
  return otherBusDevice(files, text) ?? onPciOrMdev(deviceName(files, text))
}

/** The same for a device on any bus but pci and mdev; null for all else, which other readers of names may know. */
export function otherBusDevice(files: HostFiles, text: string): BusDevice | null {
  if (deviceNameOrNull(text) !== null) return null
  if (text.startsWith('/sys/')) return deviceAt(files, text)
  const said = busDeviceOrNull(text)
  if (said !== null && said.bus !== 'pci' && said.bus !== 'mdev') return ofSameForm(files, text, said)
  const isPlatform = nameFault(text) === null && kindOrNone(files, `/sys/class/net/${text}`) === null
  const platform: BusDevice = { bus: 'platform', name: text }
  return isPlatform && kindOrNone(files, devicePath(platform)) !== null ? platform : null
}

/** A channel device and its subchannel have names of one form: the one that is there. */
function ofSameForm(files: HostFiles, text: string, said: BusDevice): BusDevice {
  const others = text.includes('/') ? [] : buses.flatMap((bus) => (bus.isToldByName ? (onBus(bus, text) ?? []) : []))
  return others.find((device) => kindOrNone(files, devicePath(device)) !== null) ?? said
}

/** The device whose own folder a path leads to. */
function deviceAt(files: HostFiles, path: string): BusDevice | null {
  const folder = followLinks(files, path)?.replace(/\/+$/, '')
  const bus = folder === undefined ? null : busOrNull(linkedName(files, `${folder}/subsystem`) ?? '')
  if (folder === undefined || bus === null || bus.name === 'pci' || bus.name === 'mdev') return null
  return onBus(bus, folder.slice(folder.lastIndexOf('/') + 1))
}

function onPciOrMdev(name: string): BusDevice {
  return { bus: pciAddressOrNull(name) === null ? 'mdev' : 'pci', name }
}

/** Throws NOT_FOUND, with the nearest that are there, if the device is not on its bus. */
export function checkOnBus(files: HostFiles, device: BusDevice): void {
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  if (address !== null) checkOnPciBus(files, address)
  else if (files.kind(devicePath(device)) === null) throw notOnBus(files, device)
}

function notOnBus(files: HostFiles, device: BusDevice): VfioError {
  const { bus, name } = device
  if (bus === 'mdev') {
    return new VfioError('NOT_FOUND', `there is no mediated device ${name}`, {
      hint: `vfioctl list; vfioctl start ${name} if it is defined`,
      facts: { device: name },
    })
  }
  const { noun, devices } = busNamed(bus)
  const isThere = listOrNone(files, devices).length > 0
  return new VfioError('NOT_FOUND', `there is no ${noun} ${printable(name)}`, {
    path: devicePath(device),
    hint: isThere ? `ls ${devices}` : `this machine has no ${noun}: ls /sys/bus`,
    facts: { bus, device: name },
  })
}
