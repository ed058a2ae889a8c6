import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { otherBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { deviceName, deviceNameForms, pciDevicesNamed } from '../../host/device-name.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { BindingOptions } from '../../lifecycle/bindings/binding-change.ts'
import { type Flag, type RequiredPositional, text, usageError } from '../command/command.ts'
import type { Io } from '../io/io.ts'

/** The device whose driver changes. */
export const bindable: RequiredPositional<string> = {
  kind: 'required',
  completes: 'host device',
  parse: text,
  describe: `a device: ${deviceNameForms}; 3b:00.* is all functions; css/0.0.0313, platform/NAME, fsl-mc/dprc.2 on other buses`,
}

/** `--group`: every device of the IOMMU group. */
export const wholeGroup: Flag = {
  kind: 'flag',
  alias: 'g',
  describe: 'Also every other endpoint in its IOMMU group',
}

/** `--force`: take a device that is in use. */
export const forceTaking: Flag = {
  kind: 'flag',
  alias: 'f',
  describe: 'Take it even if the host uses it: an interface that is up, a mounted disk, virtual functions',
}

/** One, or of a name that ends in `.*` every function. */
function findPciDevices(files: HostFiles, given: string): PciAddress[] {
  return pciDevicesNamed(files, given).map((name) => checkedPci(name, given))
}

/** The same, or a device of another bus. */
export function findBindable(files: HostFiles, given: string): string[] {
  const other = otherBusDevice(files, given)
  return other === null ? findPciDevices(files, given) : [shownDevice(other)]
}

/** The PCI address that an argument names; NOT_FOUND with the nearest names. */
export function findPciDevice(files: HostFiles, given: string): PciAddress {
  return checkedPci(deviceName(files, given), given)
}

function checkedPci(name: string, given: string): PciAddress {
  const address = pciAddressOrNull(name)
  if (address !== null) return address
  throw usageError(`${given} is a mediated device: its driver is its parent’s`, 'vfioctl groups shows PCI devices')
}

/** The options of a change of drivers, as parsed. */
export function bindingOptions(
  values: { readonly 'dry-run': boolean; readonly force: boolean },
  io: Io,
): BindingOptions {
  return {
    dryRun: values['dry-run'],
    force: values.force,
    signal: io.interruption(),
    onMessage: (line) => io.err(`${line}\n`),
  }
}
