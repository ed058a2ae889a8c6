import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, pciAddressOrNull, printable } from '../../../base/units.ts'
import { checkOnPciBus } from '../../../host/pci-bus.ts'
import {
  functionAddresses,
  type PhysicalFunction,
  pciPath,
  physicalFunctionOf,
  readPhysicalFunction,
  readPhysicalFunctions,
} from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/** Intel's driver for GPUs from Battlemage and Panther Lake on. */
const driver = 'xe'

/** A place of shares: a card, and all the functions that it has, or the one that was named. */
export interface XePlace {
  readonly card: PhysicalFunction
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
export function xeCard(files: HostFiles, address: PciAddress): PhysicalFunction | null {
  const card = readPhysicalFunction(files, address)
  return card?.driver === driver ? card : null
}

/** The card of a function, which need not be there yet; null if no such card could have it. */
export function cardOfFunction(files: HostFiles, address: PciAddress): PhysicalFunction | null {
  const physfn = physicalFunctionOf(files, address)
  if (physfn !== null) return xeCard(files, physfn)
  return xeCards(files).find((card) => possibleFunctions(files, card).includes(address)) ?? null
}

/** All functions that a card can have, in the order of their numbers. */
export function possibleFunctions(files: HostFiles, { address, total }: PhysicalFunction): PciAddress[] {
  return functionAddresses(files, address, total)
}

/** A function's number, as `sriov_admin` counts them: from 1 on. */
export function functionNumber(files: HostFiles, card: PhysicalFunction, address: PciAddress): number {
  const there = card.functions.indexOf(address)
  return (there >= 0 ? there : possibleFunctions(files, card).indexOf(address)) + 1
}

/**
 * The place by the address of a card or of one of its functions. NOT_SUPPORTED before Linux 6.19, or for another device;
 * NOT_FOUND for a function that is not there.
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
  if (own !== null) return { card, functions: card.functions }
  if (card.functions.includes(address)) return { card, functions: [address] }
  const { address: its, count, total } = card
  throw new VfioError('NOT_FOUND', `${address} is not there: ${its} has ${count} of ${total} virtual functions`, {
    hint: `vfioctl sriov ${its} ${functionNumber(files, card, address)}`,
    facts: { device: address, card: its, count, total },
  })
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
