import { pciAddressOrNull } from '../../base/units.ts'
import { functionAddresses, physicalFunctionOf, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** A parent's name as the kernel has it: a PCI address in its long form, whichever was given. */
export function parentName(given: string): string {
  return pciAddressOrNull(given) ?? given
}

/** The device whose virtual function a parent is; itself where it is none. */
export function cardOf(files: HostFiles, parent: string): string {
  const address = pciAddressOrNull(parent)
  return (address === null ? null : physicalFunctionOf(files, address)) ?? parent
}

/** Whether a parent is meant by a name: by its own, or by that of the card whose function it is or will be. */
export function parentMatcher(files: HostFiles, name: string): (parent: string) => boolean {
  const known = parentName(name)
  const address = pciAddressOrNull(name)
  const card = address === null ? null : readPhysicalFunction(files, address)
  const meant = new Set<string>([known])
  if (card !== null) {
    for (const it of [...card.functions, ...functionAddresses(files, card.address, card.total)]) meant.add(it)
  }
  return (parent) => meant.has(parent)
}
