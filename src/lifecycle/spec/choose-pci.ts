import { VfioError } from '../../base/errors.ts'
import { type PciAddress, parsePciAddress, pciAddressOrNull } from '../../base/units.ts'
import { pciAddresses } from '../../host/pci-bus.ts'
import { type PciIds, readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { PciChoice } from '../wanted/spec.ts'

/** The PCI devices that a choice stands for, in the bus's order. NOT_FOUND if there is none. */
export function choosePci(files: HostFiles, choice: PciChoice): PciAddress[] {
  if ('names' in choice) return choice.names.map(parsePciAddress)
  const chosen = pciAddresses(files).filter((address) => fitsPci(files, address, choice))
  if (chosen.length > 0) return chosen
  throw noneFits(choice)
}

/** NOT_FOUND for a choice that fits no device of this host. */
export function noneFits(choice: PciChoice, but = ''): VfioError {
  const what = `no PCI device of this host is ${pciChoiceInWords(choice)}${but}`
  return new VfioError('NOT_FOUND', what, { hint: 'lspci -Dn' })
}

/** By its address, or by what it is. What is no PCI device fits nothing. */
export function fitsPci(
  files: HostFiles,
  name: string,
  choice: Exclude<PciChoice, { names: readonly string[] }>,
): boolean {
  if ('from' in choice) return pciAddressOrNull(name) === name && choice.from <= name && name <= choice.to
  return areIdsOf(readPciIds(files, name, []), choice)
}

/** True if ids fit a choice by vendor and device. */
export function areIdsOf({ vendor, device }: PciIds, choice: Extract<PciChoice, { vendor: string }>): boolean {
  return vendor === `0x${choice.vendor}` && (choice.device === null || device === `0x${choice.device}`)
}

/** A choice of PCI devices in words. */
export function pciChoiceInWords(choice: PciChoice): string {
  if ('from' in choice) return `between ${choice.from} and ${choice.to}`
  if ('names' in choice) return choice.names.join(', ')
  return `of vendor ${choice.vendor}${choice.device === null ? '' : `, device ${choice.device}`}`
}
