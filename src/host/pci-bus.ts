import { VfioError } from '../base/errors.ts'
import { type PciAddress, pciAddressOrNull } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { listIfThere } from './sysfs/readable.ts'
import { listOrWarn, type Warning } from './warning.ts'

/** The folder of PCI devices in sysfs. */
export const pciDevices = '/sys/bus/pci/devices'

/** Every PCI address on the bus, sorted; none if there is no bus. In a listing, what cannot be read is a warning. */
export function pciAddresses(files: HostFiles, warnings?: Warning[]): PciAddress[] {
  const names = warnings === undefined ? listIfThere(files, pciDevices) : listOrWarn(files, pciDevices, warnings)
  return names.flatMap((name) => pciAddressOrNull(name) ?? []).sort()
}

/** Throws NOT_FOUND, with the nearest that is there, if this host has no such device. */
export function checkOnPciBus(files: HostFiles, address: PciAddress): void {
  const path = `${pciDevices}/${address}`
  if (files.kind(path) !== null) return
  const nearest = nearestAddresses(files, address)
  const question = nearest.length === 0 ? '' : `; did you mean ${nearest.join(' or ')}?`
  throw new VfioError('NOT_FOUND', `there is no PCI device ${address}${question}`, {
    path,
    hint: 'vfioctl groups, lspci -D',
    facts: { device: address, nearest },
  })
}

/** The same place in another domain, as the domain is what people leave out; else the device's other functions. */
function nearestAddresses(files: HostFiles, address: PciAddress): PciAddress[] {
  const place = address.slice(address.indexOf(':'))
  const device = address.slice(0, address.lastIndexOf('.') + 1)
  const all = pciAddresses(files)
  const elsewhere = all.filter((other) => other.endsWith(place))
  return (elsewhere.length > 0 ? elsewhere : all.filter((other) => other.startsWith(device))).slice(0, 3)
}
