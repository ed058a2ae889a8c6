import { VfioError } from '../../../base/errors.ts'
import { counted, type PciAddress, pciAddressOrNull, printable } from '../../../base/units.ts'
import { checkOnPciBus } from '../../../host/pci-bus.ts'
import {
  functionAddresses,
  functionNumber,
  type PhysicalFunction,
  pciPath,
  physicalFunctionOf,
  readPhysicalFunction,
  readPhysicalFunctions,
  readSriovNumbers,
  type SriovNumbers,
} from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/** Intel's driver for GPUs from Battlemage and Panther Lake on. */
const driver = 'xe'

/** A place of shares: a card, and all the functions that it has, or the one that was named. */
export interface XePlace {
  readonly card: SriovNumbers
  readonly functions: readonly PciAddress[]
}

/** The folder with a card's shares: there with the driver's SR-IOV, from Linux 6.19 on. */
export function adminPath(card: PciAddress): string {
  return `${pciPath(card)}/sriov_admin`
}

/** GPUs whose functions share them, sorted by address. */
export function xeCards(files: HostFiles): PhysicalFunction[] {
  return readPhysicalFunctions(files).functions.filter((card) => card.driver === driver)
}

/** Such a GPU; null for any other device. */
export function xeCard(files: HostFiles, address: PciAddress): SriovNumbers | null {
  const card = readSriovNumbers(files, address)
  return card?.driver === driver ? card : null
}

/** The functions that a card has. */
export function functionsOf(files: HostFiles, card: PciAddress): readonly PciAddress[] {
  return readPhysicalFunction(files, card)?.functions ?? []
}

/** The card of a function, which need not be there yet; null if no such card could have it. */
export function cardOfFunction(files: HostFiles, address: PciAddress): SriovNumbers | null {
  const physfn = physicalFunctionOf(files, address)
  if (physfn !== null) return xeCard(files, physfn)
  return xeCards(files).find((card) => functionNumber(files, card, address) !== null) ?? null
}

/** All functions that a card can have, in the order of their numbers. */
export function possibleFunctions(files: HostFiles, { address, total }: SriovNumbers): PciAddress[] {
  return functionAddresses(files, address, total)
}

/**
 * The place by the address of a card or of one of its functions. NOT_SUPPORTED before Linux 6.19, or for another
 * device; NOT_FOUND for a function that is not there.
 */
export function findXePlace(files: HostFiles, name: string): XePlace {
  const address = pciAddressOrNull(name)
  if (address === null) {
    throw new VfioError('NOT_FOUND', `there is no PCI device '${printable(name)}'`, { hint: 'vfioctl types' })
  }
  const own = xeCard(files, address)
  const card = own ?? cardOfFunction(files, address)
  if (card === null) throw notShared(files, address)
  if (files.kind(adminPath(card.address)) === null) throw noAdmin(card.address)
  if (own !== null) return { card, functions: functionsOf(files, address) }
  if (physicalFunctionOf(files, address) === card.address) return { card, functions: [address] }
  const { address: its, count, total } = card
  throw new VfioError(
    'NOT_FOUND',
    `${address} is not there: ${its} has ${count} of ${counted(total, 'virtual function')}`,
    {
      hint: `vfioctl sriov ${its} ${functionNumber(files, card, address) ?? total}`,
      facts: { device: address, card: its, count, total },
    },
  )
}

function notShared(files: HostFiles, address: PciAddress): VfioError {
  checkOnPciBus(files, address)
  return new VfioError('NOT_SUPPORTED', `${address} is no GPU with the driver ${driver}, nor a function of one`, {
    hint: `lspci -ks ${address}; vfioctl types`,
    facts: { device: address },
  })
}

/** NOT_SUPPORTED: the kernel has no files for shares. */
export function noAdmin(card: PciAddress): VfioError {
  return new VfioError('NOT_SUPPORTED', `${card} is not shared by hand: ${whyNoAdmin(card)}`, {
    path: adminPath(card),
    hint: `uname -r; vfioctl sriov ${card} COUNT gives its functions equal shares`,
    facts: { card },
  })
}

/** The reason, for the end of a sentence. */
export function whyNoAdmin(card: PciAddress): string {
  return `this Linux has no ${adminPath(card)}, which shares time from 6.19 on, and VRAM from 7.1 on`
}
