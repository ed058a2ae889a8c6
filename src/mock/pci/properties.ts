import type { PciDevice } from './devices.ts'

/** Alias that a module is loaded by: 'pci:v000010DEd00001EB8…'. */
export function modalias({ vendor, device, subsystemVendor, subsystemDevice, ...pci }: PciDevice): string {
  const long = (id: string) => id.slice(2).toUpperCase().padStart(8, '0')
  const [base, sub, programming] = pci.class.slice(2).toUpperCase().match(/../g) ?? []
  return `pci:v${long(vendor)}d${long(device)}sv${long(subsystemVendor)}sd${long(subsystemDevice)}bc${base}sc${sub}i${programming}`
}

/** Properties of a PCI device in the kernel's events. */
export function pciProperties(device: PciDevice): Record<string, string> {
  const ids = (vendor: string, id: string) => `${vendor.slice(2)}:${id.slice(2)}`.toUpperCase()
  return {
    PCI_CLASS: device.class.slice(2).replace(/^0+/, '').toUpperCase(),
    PCI_ID: ids(device.vendor, device.device),
    PCI_SUBSYS_ID: ids(device.subsystemVendor, device.subsystemDevice),
    PCI_SLOT_NAME: device.address,
    MODALIAS: modalias(device),
  }
}
